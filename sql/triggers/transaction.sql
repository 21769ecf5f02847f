-- Who, when and from where: the row of the transaction.
-- Runs inside the trigger functions only, which pin the search path and the settings.
-- object: function audit.context_of(text, text): audit.context as a JSON object, {"unparsed": its beginning} when it is none or too long; with the actor where that is too long for its column. Never fails.
-- object: function audit.write_transaction(): Writes the transaction's row unless it is there.

create or replace function audit.context_of(raw text, whole_actor text)
returns jsonb
language plpgsql
as $function$
#variable_conflict use_variable
declare
  parsed jsonb;
begin
  if raw <> '' then
    -- Once a statement, and only where a context is set; it takes no transaction id.
    -- Every reader pays for what stands here: a longer one is no context.
    if length(raw) <= 100000 then
      begin
        parsed := raw::jsonb;
      exception when others then
        null;
      end;
    end if;
    if jsonb_typeof(parsed) is distinct from 'object' then
      parsed := jsonb_build_object('unparsed', left(raw, 10000));
    end if;
  end if;
  if length(whole_actor) > 256 then
    parsed := coalesce(parsed, '{}') || jsonb_build_object('actor', left(whole_actor, 10000));
  end if;
  return parsed;
end
$function$;

-- One statement does it all: PL/pgSQL prepares each expression of its own anew in every transaction. Each setting is read once, since every
-- call in a query is prepared anew too, with a look whether the role may (docs/decisions/0002). audit.capture_text() takes its text from here.
create or replace function audit.write_transaction()
returns boolean
language plpgsql
as $function$
#variable_conflict use_variable
begin
  if to_regclass('audit.transaction_' || to_char(now(), 'YYYYMMDD')) is not null then
    insert into audit.transaction (
      at, transaction_id, setting_key, incarnation, actor, context,
      database_user, role, application, client_addr, backend_pid, signature)
    select now(), pg_current_xact_id(),
      case when s.actor <> '' or s.context <> ''
        then sha256(convert_to(coalesce(s.actor, '') || e'\x01' || coalesce(s.context, ''), getdatabaseencoding())) else sha256(e'\\x01') end,
      audit.incarnation_here(), left(nullif(s.actor, ''), 256),
      case when s.context <> '' or length(s.actor) > 256 then audit.context_of(s.context, s.actor) end,
      session_user, nullif(current_setting('role'), 'none'), nullif(current_setting('application_name'), ''),
      inet_client_addr(), pg_backend_pid(),
      case when s.signature <> '' then audit.signature_worth(s.signature, s.actor, s.context) end
    from (
      select current_setting('audit.actor', true) as actor, current_setting('audit.context', true) as context,
        current_setting('audit.signature', true) as signature offset 0) as s
    on conflict do nothing;
  else
    insert into audit.transaction_spill (
      at, transaction_id, setting_key, incarnation, actor, context,
      database_user, role, application, client_addr, backend_pid, signature)
    select now(), pg_current_xact_id(),
      case when s.actor <> '' or s.context <> ''
        then sha256(convert_to(coalesce(s.actor, '') || e'\x01' || coalesce(s.context, ''), getdatabaseencoding())) else sha256(e'\\x01') end,
      audit.incarnation_here(), left(nullif(s.actor, ''), 256),
      case when s.context <> '' or length(s.actor) > 256 then audit.context_of(s.context, s.actor) end,
      session_user, nullif(current_setting('role'), 'none'), nullif(current_setting('application_name'), ''),
      inet_client_addr(), pg_backend_pid(),
      case when s.signature <> '' then audit.signature_worth(s.signature, s.actor, s.context) end
    from (
      select current_setting('audit.actor', true) as actor, current_setting('audit.context', true) as context,
        current_setting('audit.signature', true) as signature offset 0) as s
    on conflict do nothing;
  end if;
  return true;
end
$function$;

alter function audit.context_of(text, text) owner to audit_owner;
alter function audit.write_transaction() owner to audit_owner;
revoke all on function audit.context_of(text, text), audit.write_transaction() from public;
grant execute on function audit.context_of(text, text), audit.write_transaction() to audit_capture;
