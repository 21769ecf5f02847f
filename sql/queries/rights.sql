-- Rights on the log that are not as installed, and the statements that put them right.
with installed as (
  select w.privilege, r.oid as grantee,
    case w.kind when 'schema' then pg_catalog.to_regnamespace(w.object)::oid
      when 'function' then pg_catalog.to_regprocedure(w.object)::oid else pg_catalog.to_regclass(w.object)::oid end as object
  from rows from (
    pg_catalog.unnest(%(privileges)s::text[]), pg_catalog.unnest(%(kinds)s::text[]),
    pg_catalog.unnest(%(objects)s::text[]), pg_catalog.unnest(%(roles)s::text[])) as w(privilege, kind, object, role)
  join pg_catalog.pg_roles as r on r.rolname = w.role
  union all
  -- audit.track() lets capture read what is under watch, the log's own tables too.
  select 'SELECT', r.oid, t.relid::oid
  from audit.tracked_table as t join pg_catalog.pg_class as c on c.oid = t.relid
  join pg_catalog.pg_roles as r on r.rolname = 'audit_capture'
  where c.relnamespace = pg_catalog.to_regnamespace('audit') and t.until is null
  union all
  -- audit.put_capture() gives those of single tables the rights of audit.capture().
  select 'EXECUTE', r.oid, p.oid
  from pg_catalog.pg_proc as p join pg_catalog.pg_roles as r on r.rolname = 'audit_owner'
  where p.pronamespace = pg_catalog.to_regnamespace('audit') and p.proname ~ '^capture_[0-9]+$'),
thing as (
  select n.oid as object, 'SCHEMA' as kind, 'audit' as name, n.nspowner as owner,
    coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner)) as acl
  from pg_catalog.pg_namespace as n where n.nspname = 'audit'
  union all
  select c.oid, case c.relkind when 'S' then 'SEQUENCE' else 'TABLE' end, c.oid::pg_catalog.regclass::text, c.relowner,
    coalesce(c.relacl, pg_catalog.acldefault(case c.relkind when 'S' then 's'::"char" else 'r' end, c.relowner))
  from pg_catalog.pg_class as c
  where c.relnamespace = pg_catalog.to_regnamespace('audit') and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  union all
  select p.oid, 'FUNCTION', p.oid::pg_catalog.regprocedure::text, p.proowner,
    coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
  from pg_catalog.pg_proc as p where p.pronamespace = pg_catalog.to_regnamespace('audit') and p.prokind = 'f'),
present as (
  select t.object, e.grantee, e.privilege_type as privilege
  from thing as t cross join lateral pg_catalog.aclexplode(t.acl) as e where e.grantee <> t.owner),
differing as (
  select coalesce(p.object, i.object) as object, coalesce(p.grantee, i.grantee) as grantee, i.object is null as more,
    pg_catalog.string_agg(coalesce(p.privilege, i.privilege), ', ' order by coalesce(p.privilege, i.privilege)) as privileges
  from present as p full join installed as i on (i.object, i.grantee, i.privilege) = (p.object, p.grantee, p.privilege)
  where p.object is null or i.object is null
  group by 1, 2, 3),
told as (
  select 1 as place, t.name, d.grantee::bigint as role,
    pg_catalog.format('%%s may%%s %%s on %%s', w.role, case when d.more then '' else ' not' end, d.privileges, t.name) as said,
    case when d.more then pg_catalog.format('REVOKE %%s ON %%s %%s FROM %%s', d.privileges, t.kind, t.name, w.role)
      else pg_catalog.format('GRANT %%s ON %%s %%s TO %%s', d.privileges, t.kind, t.name, w.role) end as remedy
  from differing as d join thing as t on t.object = d.object
  cross join lateral (
    select case d.grantee when 0 then 'PUBLIC' else d.grantee::pg_catalog.regrole::text end as role) as w
  -- What a wrong owner took over is told once: with the owner, or with the function.
  where d.grantee <> t.owner and (t.owner = pg_catalog.to_regrole('audit_owner') or t.kind = 'FUNCTION')
  union all
  -- A right on some columns alone: the installation gives none.
  select 2, t.name, a.grantee::bigint,
    pg_catalog.format('%%s may %%s column %%I of %%s', w.role, a.privilege, a.attname, t.name),
    pg_catalog.format('REVOKE %%s (%%I) ON TABLE %%s FROM %%s', a.privilege, a.attname, t.name, w.role)
  from (
    select c.attrelid, c.attname, e.grantee, e.privilege_type as privilege
    from pg_catalog.pg_attribute as c cross join lateral pg_catalog.aclexplode(c.attacl) as e
    where c.attacl is not null) as a
  join thing as t on t.object = a.attrelid and t.kind = 'TABLE'
  cross join lateral (
    select case a.grantee when 0 then 'PUBLIC' else a.grantee::pg_catalog.regrole::text end as role) as w
  where a.grantee <> t.owner
  union all
  -- The owners of functions are compared with their files, and sequences go with their table.
  select 0, t.name, 0, pg_catalog.format('%%s belongs to %%s', t.name, t.owner::pg_catalog.regrole),
    pg_catalog.format('ALTER %%s %%s OWNER TO audit_owner', t.kind, t.name)
  from thing as t where t.kind in ('SCHEMA', 'TABLE') and t.owner is distinct from pg_catalog.to_regrole('audit_owner')
  union all
  select 3, m.roleid::pg_catalog.regrole::text, m.member::bigint,
    pg_catalog.format('%%s is a member of %%s', m.member::pg_catalog.regrole, m.roleid::pg_catalog.regrole),
    pg_catalog.format('REVOKE %%s FROM %%s', m.roleid::pg_catalog.regrole, m.member::pg_catalog.regrole)
  from pg_catalog.pg_auth_members as m
  where m.member in (pg_catalog.to_regrole('audit_capture'), pg_catalog.to_regrole('audit_reader'), pg_catalog.to_regrole('audit_web'))
  union all
  -- No right on the log is needed for that one, and none is asked.
  select 3, r.rolname, r.oid::bigint,
    pg_catalog.format('%%s may change and remove what is in the log, as a member of pg_write_all_data', m.member::pg_catalog.regrole),
    pg_catalog.format('REVOKE pg_write_all_data FROM %%s', m.member::pg_catalog.regrole)
  from pg_catalog.pg_auth_members as m join pg_catalog.pg_roles as r on r.oid = m.member
  where m.roleid = pg_catalog.to_regrole('pg_write_all_data') and not r.rolsuper and r.rolname not in ('audit_capture', 'audit_reader')
  union all
  select 3, r.rolname, r.oid::bigint, pg_catalog.format('%%s is a superuser, or may log in or pass by row security', r.rolname),
    pg_catalog.format('ALTER ROLE %%I NOSUPERUSER NOBYPASSRLS NOLOGIN', r.rolname)
  from pg_catalog.pg_roles as r
  where r.rolname in ('audit_owner', 'audit_capture', 'audit_reader', 'audit_web') and (r.rolsuper or r.rolbypassrls or r.rolcanlogin))
select said, remedy from told order by place, name, role, said
