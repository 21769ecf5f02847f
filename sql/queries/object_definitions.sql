-- The functions of the log as they are: what they do, whose rights they run with, what they pin, whose they are.
-- Those of single tables are compared with what audit.capture_text() makes of them (audit.capture_differs).
select replace(p.oid::pg_catalog.regprocedure::text, ' ', ''), p.proname::text, p.prosrc, p.prosecdef,
  coalesce(p.proconfig, '{}'), pg_catalog.pg_get_userbyid(p.proowner)::text
from pg_catalog.pg_proc as p
where p.pronamespace = pg_catalog.to_regnamespace('audit') and p.prokind = 'f'
  and p.proname !~ '^capture_[0-9]+$'
