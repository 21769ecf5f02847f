-- What a tracked table looks like, and what differs from what it looked like before: the log's memory for DDL (docs/ddl.md).
-- object: function audit.shape_of(oid): What a table looks like: name, owner, columns, partitions, and what decides over its writes.
-- object: function audit.shape_difference(jsonb, jsonb): What differs between two shapes of a table, a row each.
-- object: function audit.keep_shape(integer): Keeps what a tracked table looks like now, without a word in the log.
-- object: function audit.note_ddl(oid, text): Writes down what a command changed of the tracked table that a table is, or is a partition of.

-- Nothing is evaluated here, and nothing of a masked column's default is kept: expressions are hashed as the server stores them.
create or replace function audit.shape_of(relation oid)
returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $function$
  with tree as (
    select t.relid as id, case when t.relid = relation then '' else t.name || '.' end as prefix, t.name
    from (
      select c.oid as relid, n.nspname || '.' || c.relname as name
      from (select p.relid from pg_partition_tree(relation) as p union select relation) as p(relid)
      join pg_class as c on c.oid = p.relid join pg_namespace as n on n.oid = c.relnamespace) as t)
  select jsonb_build_object(
    'name', (select t.name from tree as t where t.id = relation),
    'owner_id', c.relowner, 'owner', pg_get_userbyid(c.relowner), 'row security', c.relrowsecurity,
    'column', (
      select coalesce(jsonb_object_agg(a.attnum, jsonb_build_object(
        'name', a.attname, 'type_id', a.atttypid || ':' || a.atttypmod, 'type', format_type(a.atttypid, a.atttypmod),
        'required', a.attnotnull,
        'default', (select md5(concat_ws(' ', d.adbin, a.attgenerated)) from pg_attrdef as d where d.adrelid = a.attrelid and d.adnum = a.attnum))), '{}')
      from pg_attribute as a where a.attrelid = relation and a.attnum > 0 and not a.attisdropped),
    'partition', (select coalesce(jsonb_object_agg(t.id, t.name), '{}') from tree as t where t.id <> relation),
    'constraint', (
      select coalesce(jsonb_object_agg(k.conname, md5(concat_ws(' ', k.contype, k.conkey, k.conbin, k.confrelid, k.confkey, k.confdeltype,
        k.confupdtype, k.convalidated, k.condeferrable, k.condeferred))), '{}')
      from pg_constraint as k where k.conrelid = relation and k.contype not in ('n', 't')),
    'rule', (
      select coalesce(jsonb_object_agg(t.prefix || r.rulename, md5(concat_ws(' ', r.ev_enabled, r.ev_type, r.is_instead, r.ev_qual, r.ev_action))), '{}')
      from tree as t join pg_rewrite as r on r.ev_class = t.id),
    'policy', (
      select coalesce(jsonb_object_agg(t.prefix || p.polname, md5(concat_ws(' ', p.polcmd, p.polpermissive, p.polroles, p.polqual, p.polwithcheck))), '{}')
      from tree as t join pg_policy as p on p.polrelid = t.id),
    'trigger', (
      select coalesce(jsonb_object_agg(t.prefix || g.tgname, md5(concat_ws(' ', g.tgfoid, g.tgtype, g.tgenabled, g.tgqual, g.tgattr))), '{}')
      from tree as t join pg_trigger as g on g.tgrelid = t.id
      where not g.tgisinternal and g.tgfoid <> all (w.functions)),
    'capture', (
      select coalesce(jsonb_object_agg(t.prefix || g.tgname, jsonb_build_object(
        -- That of replication is as it should be when it is REPLICA, the others when they are ALWAYS.
        'of', t.name, 'state', case g.tgname when 'audit_replicated' then translate(g.tgenabled::text, 'AR', 'RA') else g.tgenabled::text end)), '{}')
      from tree as t join pg_trigger as g on g.tgrelid = t.id where g.tgfoid = any (w.functions)))
  from pg_class as c
  cross join (
    select array_agg(p.oid) as functions from pg_proc as p
    where p.pronamespace = 'audit'::regnamespace and p.prorettype = 'trigger'::regtype) as w
  where c.oid = relation
$function$;

create or replace function audit.shape_difference(before jsonb, after jsonb)
returns table (thing text, name text, action text, old_value text, new_value text)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select 'table', null, d.action, d.old_value, d.new_value
  from (values
    (before ->> 'name' <> after ->> 'name', 'renamed', before ->> 'name', after ->> 'name'),
    (before ->> 'owner_id' <> after ->> 'owner_id', 'given away', before ->> 'owner', after ->> 'owner'),
    (before -> 'row security' <> after -> 'row security',
     case when (after -> 'row security')::boolean then 'row security on' else 'row security off' end, null, null)
  ) as d(differs, action, old_value, new_value)
  where d.differs
  union all
  select 'column', d.name, d.action, d.old_value, d.new_value
  from jsonb_each(before -> 'column') as b full join jsonb_each(after -> 'column') as a on a.key = b.key
  cross join lateral (values
    (b.key is null, a.value ->> 'name', 'added', null, a.value ->> 'type'),
    (a.key is null, b.value ->> 'name', 'dropped', b.value ->> 'type', null),
    (a.value ->> 'name' <> b.value ->> 'name', a.value ->> 'name', 'renamed', b.value ->> 'name', a.value ->> 'name'),
    (a.value ->> 'type_id' <> b.value ->> 'type_id', a.value ->> 'name', 'retyped', b.value ->> 'type', a.value ->> 'type'),
    (a.value -> 'required' <> b.value -> 'required', a.value ->> 'name',
     case when (a.value -> 'required')::boolean then 'required' else 'optional' end, null, null),
    (a.key is not null and b.key is not null and a.value -> 'default' is distinct from b.value -> 'default',
     a.value ->> 'name', 'default', null, null)
  ) as d(differs, name, action, old_value, new_value)
  where d.differs
  union all
  select 'partition', coalesce(a.value, b.value),
    case when b.key is null then 'added' when a.key is not null then 'renamed'
      when exists (select from pg_class as c where c.oid = b.key::oid) then 'detached' else 'dropped' end,
    case when a.key = b.key then b.value end, case when a.key = b.key then a.value end
  from jsonb_each_text(before -> 'partition') as b full join jsonb_each_text(after -> 'partition') as a on a.key = b.key
  where a.value is distinct from b.value
  union all
  select coalesce(a.thing, b.thing), coalesce(a.name, b.name),
    case when b.name is null then 'added' when a.name is null then 'dropped' else 'altered' end, null, null
  from (
    select k as thing, e.key as name, e.value from unnest(array['constraint', 'rule', 'policy', 'trigger']) as k, jsonb_each_text(before -> k) as e) as b
  full join (
    select k as thing, e.key as name, e.value from unnest(array['constraint', 'rule', 'policy', 'trigger']) as k, jsonb_each_text(after -> k) as e) as a
    on a.thing = b.thing and a.name = b.name
  where a.value is distinct from b.value
  union all
  -- The triggers of the log, those alike in one row; what is new stands with its partition.
  select 'capture', string_agg(c.name, ', ' order by c.name), c.action, null, null
  from (
    select coalesce(a.key, b.key) as name, case
      when a.key is null then 'removed'
      when a.value ->> 'state' = 'A' then 'switched on'
      when a.value ->> 'state' = 'O' then 'weakened'
      else 'switched off' end as action
    from jsonb_each(before -> 'capture') as b full join jsonb_each(after -> 'capture') as a on a.key = b.key
    where case
      when b.key is null then a.value ->> 'state' <> 'A'
      when a.key is null then b.value ->> 'of' in (select after ->> 'name' union select p.value from jsonb_each_text(after -> 'partition') as p)
      else a.value -> 'state' <> b.value -> 'state' end) as c
  group by c.action
$function$;

create or replace function audit.keep_shape(table_number integer)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $function$
  insert into audit.table_shape as s (table_id, noted_for, shape)
  select t.id, t.relid, c.shape
  from audit.tracked_table as t cross join lateral (select audit.shape_of(t.relid) as shape) as c
  where t.id = table_number and t.until is null and t.table_name not like 'audit.%' and c.shape is not null
  on conflict (table_id) do update set noted_for = excluded.noted_for, shape = excluded.shape, busy = false
  where (s.noted_for, s.shape, s.busy) is distinct from (excluded.noted_for, excluded.shape, false)
$function$;

create or replace function audit.note_ddl(relation oid, command text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  config audit.tracked_table := audit.config_of(relation);
  known audit.table_shape;
  shape jsonb;
begin
  select s.* into known from audit.table_shape as s where s.table_id = config.id;
  if config.id is null or config.table_name like 'audit.%' or known.busy then
    return;
  end if;
  shape := audit.shape_of(config.relid);
  -- Of a table that is seen for the first time, or was restored, nobody knows what it was before.
  if known.noted_for = config.relid::oid and known.shape <> shape then
    insert into audit.schema_change (command, table_name, thing, name, action, old_value, new_value)
    select command, config.table_name, d.thing, d.name, d.action, d.old_value, d.new_value
    from audit.shape_difference(known.shape, shape) as d
    order by d.thing, d.name, d.action;
  end if;
  perform audit.keep_shape(config.id);
end
$function$;

alter function audit.shape_of(oid) owner to audit_owner;
alter function audit.shape_difference(jsonb, jsonb) owner to audit_owner;
alter function audit.keep_shape(integer) owner to audit_owner;
alter function audit.note_ddl(oid, text) owner to audit_owner;
revoke all on function audit.shape_of(oid), audit.shape_difference(jsonb, jsonb), audit.keep_shape(integer), audit.note_ddl(oid, text)
  from public;
grant execute on function audit.shape_of(oid), audit.shape_difference(jsonb, jsonb), audit.keep_shape(integer), audit.note_ddl(oid, text)
  to audit_capture;
-- The page shows what DDL went unseen, as status does.
grant execute on function audit.shape_of(oid), audit.shape_difference(jsonb, jsonb) to audit_web;
