-- Who, when and from where: the row of the transaction.
-- Runs inside the trigger functions only, which pin the search path and the settings.
-- object: function audit.parse_context(text): audit.context as a JSON object; {"unparsed": text} when it is none. Never fails.
-- object: function audit.write_transaction(): Writes the transaction's row unless it is there.

create or replace function audit.parse_context(raw text)
returns jsonb
language plpgsql
as $function$
#variable_conflict use_variable
declare
  parsed jsonb;
begin
  if raw is null or raw = '' then
    return null;
  end if;
  -- Once a statement, and only where a context is set; it takes no transaction id.
  begin
    parsed := raw::jsonb;
    if jsonb_typeof(parsed) = 'object' then
      return parsed;
    end if;
  exception when others then
    null;
  end;
  return jsonb_build_object('unparsed', left(raw, 10000));
end
$function$;

create or replace function audit.write_transaction()
returns boolean
language plpgsql
as $function$
#variable_conflict use_variable
declare
  whole_actor text := nullif(current_setting('audit.actor', true), '');
  raw_context text := nullif(current_setting('audit.context', true), '');
  parsed jsonb;
  digest bytea := sha256(convert_to(
    coalesce(whole_actor, '') || chr(1) || coalesce(raw_context, ''), getdatabaseencoding()));
begin
  if raw_context is not null then
    parsed := audit.parse_context(raw_context);
  end if;
  if length(whole_actor) > 256 then
    parsed := coalesce(parsed, '{}') || jsonb_build_object('actor', whole_actor);
  end if;
  if to_regclass('audit.transaction_' || to_char(now(), 'YYYYMMDD')) is not null then
    insert into audit.transaction (
      at, transaction_id, setting_key, incarnation, actor, context,
      database_user, role, application, client_addr, backend_pid)
    values (
      now(), pg_current_xact_id(), digest, audit.current_incarnation(), left(whole_actor, 256), parsed,
      session_user, nullif(current_setting('role'), 'none'), nullif(current_setting('application_name'), ''),
      inet_client_addr(), pg_backend_pid())
    on conflict do nothing;
  else
    insert into audit.transaction_spill (
      at, transaction_id, setting_key, incarnation, actor, context,
      database_user, role, application, client_addr, backend_pid)
    values (
      now(), pg_current_xact_id(), digest, audit.current_incarnation(), left(whole_actor, 256), parsed,
      session_user, nullif(current_setting('role'), 'none'), nullif(current_setting('application_name'), ''),
      inet_client_addr(), pg_backend_pid())
    on conflict do nothing;
  end if;
  return true;
end
$function$;

alter function audit.parse_context(text) owner to audit_owner;
alter function audit.write_transaction() owner to audit_owner;
revoke all on function audit.parse_context(text), audit.write_transaction() from public;
grant execute on function audit.parse_context(text), audit.write_transaction() to audit_capture;
