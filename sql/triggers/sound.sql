-- Whether the log's own tables are as the installation made them: where they are not, a write may fail on them (docs/decisions/0004).
-- object: function audit.log_is_sound(regclass, regclass, regclass, regclass, regclass): Whether the log takes rows: what it is given is 'audit.change', its spill table, 'audit.transaction', its spill table, and 'audit.entity'.
-- object: function audit.days_made(regclass, regclass): From today until the first day for which one of the two tables has no partition.

-- The tables and today's partitions, as the catalogs describe them: each column that the trigger functions fill, no other that must not be
-- NULL, nothing that refuses or redirects rows. IMMUTABLE lets the planner work it out once a plan, as audit.incarnation_here(); the
-- literals of the call make the plan stale when one of these tables changes. So it costs a write nothing, and need not see all that status sees.
create or replace function audit.log_is_sound(
  change regclass, change_spill regclass, transaction regclass, transaction_spill regclass, entity regclass)
returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $function$
  select count(*) = 7 and bool_and(
    c.relchecks = 0 and not c.relrowsecurity
    and not (c.relhastriggers and exists (select from pg_trigger as t where t.tgrelid = c.oid))
    and not (c.relhasrules and exists (select from pg_rewrite as r where r.ev_class = c.oid))
    and (n.columns is null or has_table_privilege(c.oid, 'insert') and (
      select count(*) filter (where a.attname = any (n.columns)) = cardinality(n.columns)
        and coalesce(bool_and(a.attname = any (n.columns)) filter (where a.attnotnull and not a.atthasdef and a.attidentity = ''), true)
      from pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)))
  from (values
      (change, 1), (change_spill, 1), (transaction, 2), (transaction_spill, 2), (entity, 3),
      -- A day without a partition has its rows in the spill tables.
      (coalesce(to_regclass('audit.change_' || to_char(now() at time zone 'UTC', 'YYYYMMDD')), change_spill), 4),
      (coalesce(to_regclass('audit.transaction_' || to_char(now() at time zone 'UTC', 'YYYYMMDD')), transaction_spill), 4)) as t(id, kind)
  join pg_class as c on c.oid = t.id
  cross join lateral (select case t.kind
    when 1 then array['at', 'transaction_id', 'table_id', 'operation', 'key', 'old', 'new', 'about', 'root_table_id', 'root_key', 'account',
      'former_root_table_id', 'former_root_key', 'former_account', 'partition', 'degraded']
    when 2 then array['at', 'transaction_id', 'setting_key', 'incarnation', 'actor', 'context', 'database_user', 'role', 'application',
      'client_addr', 'backend_pid', 'signature']
    when 3 then array['table_id', 'key', 'about', 'root_table_id', 'root_key', 'account', 'deleted_at'] end as columns) as n
$function$;

-- IMMUTABLE for the same reason. to_regclass() sees what is so now, whatever snapshot a plan is made with.
create or replace function audit.days_made(change regclass, transaction regclass)
returns tstzrange
language sql immutable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $function$
  select tstzrange(current_date, (
    select d.day from (select current_date + n as day from generate_series(0, 100) as n) as d
    where to_regclass('audit.change_' || to_char(d.day, 'YYYYMMDD')) is null or to_regclass('audit.transaction_' || to_char(d.day, 'YYYYMMDD')) is null
      or d.day > current_date + 99
    order by d.day limit 1))
$function$;

alter function audit.days_made(regclass, regclass) owner to audit_owner;
alter function audit.log_is_sound(regclass, regclass, regclass, regclass, regclass) owner to audit_owner;
revoke all on function audit.log_is_sound(regclass, regclass, regclass, regclass, regclass), audit.days_made(regclass, regclass) from public;
grant execute on function audit.log_is_sound(regclass, regclass, regclass, regclass, regclass), audit.days_made(regclass, regclass) to audit_capture;
