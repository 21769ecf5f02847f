-- A schema of the log, whole or not.
select
from pg_catalog.pg_namespace as n
where n.nspname = 'audit' and n.nspowner = pg_catalog.to_regrole('audit_owner')
