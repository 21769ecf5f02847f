"""The index of entries: derived from the log, disposable, and never the one that decides what an entry says."""
