-- The trigger functions of single tables that are missing or not as this version makes them.
select 'audit.capture_' || c.id || '()'
from (
  select audit.capture_number(t.id) as id from audit.tracked_table as t join pg_catalog.pg_class as c on c.oid = t.relid
  union
  select pg_catalog.substr(p.proname, 9)::integer from pg_catalog.pg_proc as p
  where p.pronamespace = pg_catalog.to_regnamespace('audit') and p.proname ~ '^capture_[0-9]+$') as c
where c.id is not null and audit.capture_differs(c.id)
order by c.id
