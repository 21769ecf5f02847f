-- A schema of the log, whole or not; and whose it is. Needs no right on it.
select n.nspowner = pg_catalog.to_regrole('audit_owner') as ours, n.nspowner::pg_catalog.regrole::text as owner
from pg_catalog.pg_namespace as n
where n.nspname = 'audit' and (
  n.nspowner = pg_catalog.to_regrole('audit_owner')
  or exists (select from pg_catalog.pg_class as c where c.relnamespace = n.oid and c.relname = 'change' and c.relowner = pg_catalog.to_regrole('audit_owner')))
