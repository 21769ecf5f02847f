-- What the views need to put rows of the log into words.
-- object: function audit.key_text(jsonb): A key as text: its values, separated by commas.
-- object: function audit.first_wins(jsonb, jsonb): Merges two contexts; the first value of a name wins.

create or replace function audit.key_text(key jsonb)
returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $function$
  select string_agg(k.value, ',' order by k.key) from jsonb_each_text(key) as k
$function$;

create or replace function audit.first_wins(merged jsonb, following jsonb)
returns jsonb
language sql immutable
as $function$
  select case when following is null then merged else following || coalesce(merged, '{}') end
$function$;

do $aggregate$
begin
  if to_regprocedure('audit.merge_contexts(jsonb)') is null then
    create aggregate audit.merge_contexts(jsonb) (sfunc = audit.first_wins, stype = jsonb);
    alter aggregate audit.merge_contexts(jsonb) owner to audit_owner;
    comment on aggregate audit.merge_contexts(jsonb) is 'Merges contexts in their order; the first value of a name wins.';
  end if;
end
$aggregate$;

alter function audit.key_text(jsonb) owner to audit_owner;
alter function audit.first_wins(jsonb, jsonb) owner to audit_owner;
revoke all on function audit.key_text(jsonb), audit.first_wins(jsonb, jsonb) from public;
grant execute on function audit.key_text(jsonb), audit.first_wins(jsonb, jsonb) to audit_reader;
