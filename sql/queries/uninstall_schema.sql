-- Removes the log and everything of it in this database.
drop schema audit cascade;
drop owned by audit_owner;
