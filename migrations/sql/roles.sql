-- The roles and the schema of the log. Safe to run again; roles are shared by all databases of a cluster.
do $roles$
declare
  wanted text;
  other text;
begin
  -- Somebody else's schema of the same name is none of ours to fill.
  select n.nspowner::pg_catalog.regrole::text into other
  from pg_catalog.pg_namespace as n
  where n.nspname = 'audit' and n.nspowner is distinct from pg_catalog.to_regrole('audit_owner')
    and not exists (select from pg_catalog.pg_class as c where c.relnamespace = n.oid and c.relname = 'change');
  if other is not null then
    raise exception 'there is a schema audit already, which belongs to % and is not the log''s: rename or drop it, then install again', other;
  end if;
  foreach wanted in array array['audit_owner', 'audit_capture', 'audit_reader', 'audit_web'] loop
    if not exists (select from pg_catalog.pg_roles as r where r.rolname = wanted) then
      execute pg_catalog.format('create role %I nologin', wanted);
    end if;
  end loop;
  -- An installer without superuser must be a member of the roles whose objects it makes.
  foreach wanted in array array['audit_owner', 'audit_capture'] loop
    if not pg_catalog.pg_has_role(current_user, wanted, 'usage') then
      if pg_catalog.current_setting('server_version_num')::int >= 160000 then
        execute pg_catalog.format('grant %I to %I with inherit true, set true', wanted, current_user);
      else
        execute pg_catalog.format('grant %I to %I', wanted, current_user);
      end if;
    end if;
  end loop;
  if pg_catalog.to_regnamespace('audit') is null then
    create schema audit authorization audit_owner;
  end if;
end
$roles$;

comment on schema audit is
  'whochanged: who changed what, when and from where. Read audit.log; put a table under watch with audit.track().';
