-- Whether whoever asks may make event triggers, and which logins could then run code as a superuser: what audit_capture owns, superusers
-- run with every DDL.
select (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user) as superuser,
  array(
    select r.rolname::text from pg_catalog.pg_roles as r
    where not r.rolsuper and r.rolname <> 'audit_capture' and pg_catalog.pg_has_role(r.oid, 'audit_capture', 'member')
    order by 1) as members
