-- The tables that the log has changes of, each with the parts of the log where these stand.
select c.table_id, c.days from audit.changed_in(%(parts)s::pg_catalog.regclass[]) as c
