-- Whether the actor and context of a transaction were signed with a key that the log knows (docs/actors.md has the format).
-- object: function audit.signature_worth(text, text, text): What a signature of actor and context is worth in this transaction: valid:KEY, expired:KEY or invalid. No signature makes it fail.

-- The owner's rights: nobody else reads the keys. They are kept as the two pads of HMAC, so that sha256() alone is needed.
create or replace function audit.signature_worth(signature text, actor text, context text)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  parts text[];
  signed text;
  made bytea;
begin
  -- What is longer than any signature is not looked at further; what is longer than any context is not signed.
  if octet_length(signature) <= 128 and coalesce(octet_length(actor), 0) + coalesce(octet_length(context), 0) <= 1000000 then
    parts := string_to_array(signature, ':');
  end if;
  -- Of plain functions: a regular expression would cost more than all the rest.
  if cardinality(parts) is distinct from 4 or parts[1] <> '1'
    or length(parts[3]) not between 1 and 12 or translate(parts[3], '0123456789', '') <> ''
    or length(parts[4]) <> 64 or translate(parts[4], '0123456789abcdef', '') <> ''
  then
    return 'invalid';
  end if;
  begin
    -- Texts of any content stand as hashes, so that none can pass for another line.
    signed := concat_ws(e'\n', 'whochanged-1', parts[2],
      (select c.system_identifier from pg_control_system() as c), pg_current_xact_id(), parts[3],
      encode(sha256(convert_to(coalesce(actor, ''), 'UTF8')), 'hex'),
      encode(sha256(convert_to(coalesce(context, ''), 'UTF8')), 'hex'));
  exception when character_not_in_repertoire or untranslatable_character then
    return 'invalid';
  end;
  select sha256(s.outer_pad || sha256(s.inner_pad || convert_to(signed, 'UTF8'))) into made
  from audit.signing_secret as s where s.key = parts[2];
  -- Compared by their hashes: how long that takes says nothing of how much is right.
  if made is null or sha256(made) <> sha256(decode(parts[4], 'hex')) then
    return 'invalid';
  end if;
  if parts[3]::bigint < extract(epoch from clock_timestamp()) then
    return 'expired:' || parts[2];
  end if;
  return 'valid:' || parts[2];
end
$function$;

alter function audit.signature_worth(text, text, text) owner to audit_owner;
revoke all on function audit.signature_worth(text, text, text) from public;
grant execute on function audit.signature_worth(text, text, text) to audit_capture;
