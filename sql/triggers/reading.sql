-- What the views need to put rows of the log into words.
-- object: function audit.key_text(jsonb): A key as text: its values, separated by commas.
-- object: function audit.first_wins(jsonb, jsonb): Merges two contexts; the first value of a name wins.
-- object: function audit.by_module(text, text, text, "char", jsonb, jsonb): The parts of a change by module; an update of columns of two modules has two.

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

create or replace function audit.by_module(
  changed_table text, table_module text, soft_delete_column text, operation "char", old_part jsonb, new_part jsonb)
returns table (module text, soft_delete boolean, old jsonb, new jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select coalesce(table_module, 'Other'), null::boolean, old_part, new_part where operation <> 'U'
  union all
  select
    coalesce(k.module, table_module, 'Other'),
    bool_or(case
      when e.key <> soft_delete_column then null
      when e.value in ('null', 'false') and old_part -> e.key not in ('null', 'false') then false
      when old_part -> e.key in ('null', 'false') and e.value not in ('null', 'false') then true end),
    jsonb_object_agg(e.key, old_part -> e.key),
    jsonb_object_agg(e.key, e.value)
  from jsonb_each(new_part) as e
  left join audit.catalogue_column as k on k.table_name = changed_table and k.column_name = e.key
  where operation = 'U'
  group by coalesce(k.module, table_module, 'Other')
$function$;

alter function audit.key_text(jsonb) owner to audit_owner;
alter function audit.first_wins(jsonb, jsonb) owner to audit_owner;
alter function audit.by_module(text, text, text, "char", jsonb, jsonb) owner to audit_owner;
revoke all on function audit.key_text(jsonb), audit.first_wins(jsonb, jsonb), audit.by_module(text, text, text, "char", jsonb, jsonb) from public;
grant execute on function audit.key_text(jsonb), audit.first_wins(jsonb, jsonb), audit.by_module(text, text, text, "char", jsonb, jsonb) to audit_reader;
