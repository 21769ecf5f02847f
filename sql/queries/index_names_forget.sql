DELETE FROM audit.entry_name
