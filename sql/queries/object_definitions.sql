-- The functions of the log as they are: what they do, whose rights they run with, what they pin, whose they are.
select replace(p.oid::pg_catalog.regprocedure::text, ' ', ''), p.proname::text, p.prosrc, p.prosecdef,
  coalesce(p.proconfig, '{}'), pg_catalog.pg_get_userbyid(p.proowner)::text
from pg_catalog.pg_proc as p
where p.pronamespace = pg_catalog.to_regnamespace('audit') and p.prokind = 'f'
