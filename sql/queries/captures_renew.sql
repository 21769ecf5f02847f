-- The trigger functions of single tables, made anew where audit.capture() or what was registered is another now: in the transaction that
-- replaces what they call. Their names.
select 'audit.capture_' || t.id || '()'
from audit.tracked_table as t
join pg_catalog.pg_class as c on c.oid = t.relid
where t.until is null and audit.put_capture(t.id)
order by t.id
