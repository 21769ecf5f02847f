-- The log as developers read it: one row for each changed row and module.
-- object: function audit.inside_truncate(timestamp with time zone, xid8, integer, bigint, text[]): Whether a TRUNCATE row of a partition is part of the TRUNCATE of a table above it.
-- object: view audit.all_change: All changes, spilled ones included.
-- object: view audit.log: Who changed what, when and from where: one row for each changed row and module, inside the retention.

create or replace view audit.all_change as
select at, id, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account,
  former_root_table_id, former_root_key, former_account, partition, degraded
from audit.change
union all
select at, id, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account,
  former_root_table_id, former_root_key, former_account, partition, degraded
from audit.change_spill;

-- PL/pgSQL, so that nothing of it is planned where no partition was emptied.
create or replace function audit.inside_truncate(saved_at timestamptz, save xid8, table_number integer, number bigint, path text[])
returns boolean
language plpgsql stable
as $function$
begin
  return exists (
    select from audit.all_change as a
    where a.at = saved_at and a.transaction_id = save and a.table_id = table_number and a.operation = 'T' and a.id < number
      and (a.partition is null or a.partition = path[1:cardinality(a.partition)] and a.partition <> path)
      and not exists (
        select from audit.all_change as b
        where b.at = saved_at and b.transaction_id = save and b.table_id = table_number and b.operation <> 'T' and b.id between a.id and number));
end
$function$;

create or replace view audit.log as
select
  c.id,
  c.at,
  coalesce(
    case when w.is_system then '“System” (claimed)' else s.actor end,
    case when s.database_user = any (string_to_array(replace(product.value, ' ', ''), ',')) then 'System'
    else s.database_user end) as actor,
  case when s.actor is not null then 'user'
    when s.database_user = any (string_to_array(replace(product.value, ' ', ''), ',')) then 'system'
    else 'database' end as actor_kind,
  coalesce(
    case when jsonb_typeof(s.context -> 'ip') = 'string' and length(s.context ->> 'ip') between 1 and 45
      then s.context ->> 'ip' end,
    host(s.client_addr)) as ip,
  case
    when c.root_table_id is not null then 'Updated'
    when c.operation = 'I' then 'Created'
    when c.operation in ('D', 'T') then 'Deleted'
    when m.soft_delete is null then 'Updated'
    when m.soft_delete then 'Deleted'
    else 'Updated' end as change_type,
  m.module,
  coalesce(root_catalogue.entity, catalogue.entity, initcap(replace(split_part(coalesce(root.table_name, t.table_name), '.', 2), '_', ' '))) as entity,
  audit.key_text(coalesce(c.root_key, c.key)) as entity_id,
  case when c.root_key is not null then entity.about ->> root.label_column
    else coalesce(c.new ->> t.label_column, c.old ->> t.label_column, c.about ->> t.label_column) end as entity_name,
  c.account,
  t.table_name,
  case c.operation when 'I' then 'INSERT' when 'U' then 'UPDATE' when 'D' then 'DELETE' else 'TRUNCATE' end as operation,
  c.key,
  m.old,
  m.new,
  c.transaction_id,
  s.database_user,
  s.application,
  s.context,
  c.former_account,
  array_to_string(c.partition[cardinality(c.partition):], '') as partition,
  w.trust as actor_trust,
  s.signature,
  coalesce(
    case when w.is_system then '“System” (claimed)' else s.actor end
      || case when s.signature !~ '^valid:' then ' (claimed by ' || s.database_user || ', signature invalid)'
        -- Where nobody can vouch for any name, as after installing, a claim is not marked: that would be said of every name.
        when w.trust = 'claimed' and (exists (select from audit.gateway as g where g.since <= c.at)
          or exists (select from audit.signing_key as k where k.since <= c.at)) then ' (claimed by ' || s.database_user || ')'
        else '' end,
    case when s.database_user = any (string_to_array(replace(product.value, ' ', ''), ',')) then 'System'
    else s.database_user end) as actor_shown,
  c.degraded
from audit.all_change as c
join audit.tracked_table as t on t.id = c.table_id and t.kind = 'tracked'
-- A transaction may have several rows, one for each value of actor and context. The first actor counts; the first
-- value of a name in the context wins; further actors are listed, and
-- only the log itself says other_actors. Looked up for each change that a filter leaves:
-- grouping all transactions first would cost more than reading the log.
cross join lateral (
  select
    (array_agg(e.actor order by e.id) filter (where e.actor is not null))[1] as actor,
    case when count(distinct e.actor) > 1
      then coalesce(audit.merge_contexts(e.context order by e.id), '{}') || jsonb_build_object(
        'other_actors', to_jsonb(array_remove(
          array_agg(distinct e.actor) filter (where e.actor is not null),
          (array_agg(e.actor order by e.id) filter (where e.actor is not null))[1])))
      else audit.merge_contexts(e.context order by e.id) - 'other_actors' end as context,
    (array_agg(e.database_user order by e.id))[1] as database_user,
    (array_agg(e.application order by e.id))[1] as application,
    (array_agg(e.client_addr order by e.id))[1] as client_addr,
    -- One that is worth nothing spoils all; a valid one must be under all that was said of actor and context.
    coalesce(
      (array_agg(e.signature order by e.id) filter (where e.signature !~ '^valid:'))[1],
      case when bool_and(e.signature is not null) filter (where e.actor is not null or e.context is not null)
        then (array_agg(e.signature order by e.id) filter (where e.signature is not null))[1] end) as signature
  from (
    select id, case when actor ~ '\S' then actor end as actor, context, database_user, application, client_addr, signature
    from audit.transaction where at = c.at and transaction_id = c.transaction_id
    union all
    select id, case when actor ~ '\S' then actor end, context, database_user, application, client_addr, signature
    from audit.transaction_spill where at = c.at and transaction_id = c.transaction_id) as e) as s
left join audit.catalogue_table as catalogue on catalogue.table_name = t.table_name
left join audit.tracked_table as root on root.id = c.root_table_id
left join audit.catalogue_table as root_catalogue on root_catalogue.table_name = root.table_name
left join audit.entity as entity on entity.table_id = c.root_table_id and entity.key = c.root_key
left join audit.setting as product on product.name = 'product_roles'
-- A name is as good as who gave it, at that time: who was logged in, the server knows; what was signed, or said by a trusted gateway,
-- is vouched for, unless it pretends to be the product itself.
cross join lateral (
  select d.is_system,
    case when s.actor is null then 'vouched'
      when d.is_system or s.signature !~ '^valid:' then 'claimed'
      when s.signature is not null then 'vouched'
      when exists (
        select from audit.gateway as g
        where g.role = s.database_user and g.since <= c.at and (g.until is null or g.until > c.at)) then 'vouched'
      else 'claimed' end as trust
  from (
    select s.actor ~* '^\s*system\s*$'
      and (s.database_user = any (string_to_array(replace(product.value, ' ', ''), ','))) is not true as is_system) as d) as w
-- An update of columns of two modules gives a row for each, with that module's columns.
cross join lateral (
  select coalesce(catalogue.module, 'Other') as module, null::boolean as soft_delete, c.old, c.new
  where c.operation <> 'U' or c.degraded is not null
  union all
  select coalesce(k.module, catalogue.module, 'Other'),
    bool_or(case
      when e.key is distinct from catalogue.soft_delete_column then null
      when e.value in ('null', 'false') and c.old -> e.key not in ('null', 'false') then false
      when c.old -> e.key in ('null', 'false') and e.value not in ('null', 'false') then true end),
    jsonb_object_agg(e.key, c.old -> e.key),
    jsonb_object_agg(e.key, e.value)
  from jsonb_each(c.new) as e
  left join audit.catalogue_column as k on k.table_name = t.table_name and k.column_name = e.key
  where c.operation = 'U'
  group by coalesce(k.module, catalogue.module, 'Other')
) as m
where (c.operation <> 'T' or c.partition is null or not audit.inside_truncate(c.at, c.transaction_id, c.table_id, c.id, c.partition))
  and c.at >= now() - make_interval(hours => 24 * coalesce(
  (select nullif(r.value, '')::integer from audit.setting as r where r.name = 'retention_days'), 90));

alter function audit.inside_truncate(timestamptz, xid8, integer, bigint, text[]) owner to audit_owner;
revoke all on function audit.inside_truncate(timestamptz, xid8, integer, bigint, text[]) from public;
grant execute on function audit.inside_truncate(timestamptz, xid8, integer, bigint, text[]) to audit_reader;
alter view audit.all_change owner to audit_owner;
alter view audit.log owner to audit_owner;
grant select on audit.log, audit.all_change to audit_reader;
