"""From entries to people: digests, mail, export, the web page, the scheduler."""
