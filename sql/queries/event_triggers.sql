-- The event triggers of the log that are there; and whether any of their functions is.
select e.evtname::text as name, e.evtenabled = 'A' as enabled, pg_catalog.obj_description(e.oid, 'pg_event_trigger') as comment
from pg_catalog.pg_event_trigger as e
join pg_catalog.pg_proc as p on p.oid = e.evtfoid
where p.pronamespace = pg_catalog.to_regnamespace('audit')
