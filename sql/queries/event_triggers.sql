-- The event triggers of the log that are there. A row without a name is a function that has lost its event trigger.
select e.evtname::text as name, e.evtenabled = 'A' as enabled, pg_catalog.obj_description(e.oid, 'pg_event_trigger') as comment
from pg_catalog.pg_proc as p
left join pg_catalog.pg_event_trigger as e on e.evtfoid = p.oid
where p.pronamespace = pg_catalog.to_regnamespace('audit') and p.prorettype = 'pg_catalog.event_trigger'::pg_catalog.regtype
