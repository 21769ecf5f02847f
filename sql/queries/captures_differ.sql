-- The trigger functions of single tables that are missing or not as this version makes them.
select 'audit.capture_' || t.id || '()'
from audit.tracked_table as t
join pg_catalog.pg_class as c on c.oid = t.relid
where t.until is null and audit.capture_differs(t.id)
order by t.id
