"""The digest: from entries to a mail message that is frozen before it is sent. Nothing here reads a database or a clock."""
