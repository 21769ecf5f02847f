-- How a row becomes JSON without running anybody's code.
-- object: function audit.has_plain_types(oid): Whether to_jsonb of the whole row of a table is safe: all columns are stored, of built-in types, and none is json.
-- object: function audit.image_expression(oid, text): The SQL expression that makes the JSON image of a row of a table.

-- to_jsonb calls casts to json that the owner of a type made: that code would run with the log's rights, and could
-- hide a change. Types with an oid below 16384 come with PostgreSQL and have none. A value of type json may be one that jsonb
-- cannot hold (audit.json_image).
create or replace function audit.has_plain_types(relation oid)
returns boolean
language sql stable
as $function$
  select not exists (
    select from pg_attribute as a
    where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
      and (a.atttypid >= 16384 or a.atttypid in (114, 199) or a.attgenerated = 'v'))
$function$;

-- Values of user-defined types go through their output functions; virtual generated columns are left out.
create or replace function audit.image_expression(relation oid, alias text)
returns text
language sql stable
as $function$
  select case when audit.has_plain_types(relation) then format('pg_catalog.to_jsonb(%I.*)', alias) else
    coalesce(
      (select string_agg('pg_catalog.jsonb_build_object(' || p.arguments || ')', ' || ' order by p.part)
       from (
         select (a.attnum - 1) / 45 as part,
           string_agg(
             format(
               case when a.atttypid = 114 then '%1$L, audit.json_image(%2$I.%3$I)'
               when a.atttypid = 199 then '%1$L, audit.json_image(pg_catalog.array_to_json(%2$I.%3$I))'
               when a.atttypid < 16384 then '%1$L, %2$I.%3$I'
               else '%1$L, case when pg_catalog.num_nulls(%2$I.%3$I) = 0 then pg_catalog.format(''%%s'', %2$I.%3$I) end' end,
               a.attname, alias, a.attname),
             ', ' order by a.attnum) as arguments
         from pg_attribute as a
         where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated <> 'v'
         group by 1) as p),
      '''{}''::pg_catalog.jsonb') end
$function$;

-- object: function audit.json_image(json): A json value as jsonb; as its text where jsonb cannot hold it (\u0000, half a surrogate, a number too long).
create or replace function audit.json_image(value json)
returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
begin
  if value is null then
    return null;
  elsif current_setting('server_version_num')::integer >= 160000 then
    if not pg_input_is_valid(value::text, 'jsonb') then
      return to_jsonb(value::text);
    end if;
    return value::text::jsonb;
  end if;
  begin
    return value::text::jsonb;
  exception when data_exception then
    return to_jsonb(value::text);
  end;
end
$function$;

alter function audit.json_image(json) owner to audit_owner;
revoke all on function audit.json_image(json) from public;
grant execute on function audit.json_image(json) to audit_capture;
alter function audit.has_plain_types(oid) owner to audit_owner;
alter function audit.image_expression(oid, text) owner to audit_owner;
revoke all on function audit.has_plain_types(oid), audit.image_expression(oid, text) from public;
grant execute on function audit.has_plain_types(oid), audit.image_expression(oid, text) to audit_capture;
