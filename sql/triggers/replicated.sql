-- Rows that a subscription applies: they fire no statement trigger, so a row trigger logs them.
-- The trigger is ENABLE REPLICA: a session that has not set session_replication_role does not even queue it.
-- object: function audit.capture_replicated(): Trigger function: logs a row that logical replication writes.
-- object: function audit.in_a_statement(text): Whether a row is written by a statement that runs while a subscription applies another one, given PG_CONTEXT of its trigger.
-- object: function audit.replicating(): Whether this process applies the rows of a subscription one by one; says whose as the application.

create or replace function audit.replicating()
returns boolean
language plpgsql
as $function$
#variable_conflict use_variable
declare
  subscription name;
  copying boolean;
begin
  select s.subname,
    -- The first copy of a table is a COPY, which fires the triggers of statements.
    exists (
      select from pg_subscription_rel as r
      where r.srsubid = w.subid and r.srrelid = w.relid and r.srsubstate = 'd')
  into subscription, copying
  from pg_stat_get_subscription(null) as w join pg_subscription as s on s.oid = w.subid
  where w.pid = pg_backend_pid();
  if not found then
    return false;
  end if;
  perform set_config('application_name', 'replication ' || subscription, true);
  return not copying;
end
$function$;

-- A default, a check or an index of the subscriber may call a function that writes: at the same trigger depth as what is applied. Between our own
-- line and the one in which the server says what it applies (in any language it names the origin, pg_ and the subscription's number), there is
-- something else then. Without such a line the row counts as applied: better twice in the log than not at all.
create or replace function audit.in_a_statement(context text)
returns boolean
language sql stable
as $function$
  select coalesce(bool_or(split_part(r.place, e'\n', 1) !~ s.origin and r.place ~ s.origin), false)
  from (select substr(context, strpos(context || e'\n', e'\n') + 1) as place) as r
  cross join (select 'pg_' || w.subid as origin from pg_stat_get_subscription(null) as w where w.pid = pg_backend_pid()) as s
$function$;

create or replace function audit.capture_replicated()
returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = 1
set quote_all_identifiers = off
set lc_monetary = 'C'
set jit = off
as $function$
#variable_conflict use_variable
declare
  config audit.tracked_table;
  before_image jsonb;
  after_image jsonb;
  written boolean;
  context text;
begin
  -- What a trigger writes while a subscription is applied is a statement, whose own triggers log it; so is all that a session
  -- writes, which comes here for every row when it is in replica mode: the second test is its short way out.
  if pg_trigger_depth() > 1 or not exists (select from pg_stat_get_subscription(null) as w where w.pid = pg_backend_pid())
    or not audit.replicating() then
    return null;
  end if;
  get diagnostics context = pg_context;
  if audit.in_a_statement(context) then
    return null;
  end if;
  config := audit.config_of(tg_relid);
  if config.id is null then
    return null;
  end if;
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    perform audit.check_snapshot(tg_relid, tg_name);
  end if;
  if audit.has_plain_types(tg_relid) then
    before_image := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    after_image := case when tg_op <> 'DELETE' then to_jsonb(new) end;
  else
    if tg_op <> 'INSERT' then
      execute format('select %s from (select ($1).*) as x', audit.image_expression(tg_relid, 'x'))
      into before_image using old;
    end if;
    if tg_op <> 'DELETE' then
      execute format('select %s from (select ($1).*) as x', audit.image_expression(tg_relid, 'x'))
      into after_image using new;
    end if;
  end if;
  if audit.write_row(audit.config_now(config), left(tg_op, 1)::"char", before_image, after_image) then
    written := audit.write_transaction();
  end if;
  return null;
end
$function$;

alter function audit.in_a_statement(text) owner to audit_owner;
alter function audit.replicating() owner to audit_owner;
revoke all on function audit.replicating(), audit.in_a_statement(text) from public;
grant execute on function audit.replicating(), audit.in_a_statement(text) to audit_capture;
