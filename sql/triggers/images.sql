-- How a row becomes JSON without running anybody's code.
-- object: function audit.has_plain_types(oid): Whether all columns of a table have built-in types and are stored, so that to_jsonb of the whole row is safe.
-- object: function audit.image_expression(oid, text): The SQL expression that makes the JSON image of a row of a table.

-- to_jsonb calls casts to json that the owner of a type made: that code would run with the log's rights, and could
-- hide a change. Types with an oid below 16384 come with PostgreSQL and have none.
create or replace function audit.has_plain_types(relation oid)
returns boolean
language sql stable
as $function$
  select not exists (
    select from pg_attribute as a
    where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
      and (a.atttypid >= 16384 or a.attgenerated = 'v'))
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
               case when a.atttypid < 16384 then '%1$L, %2$I.%3$I'
               else '%1$L, case when pg_catalog.num_nulls(%2$I.%3$I) = 0 then pg_catalog.format(''%%s'', %2$I.%3$I) end' end,
               a.attname, alias, a.attname),
             ', ' order by a.attnum) as arguments
         from pg_attribute as a
         where a.attrelid = relation and a.attnum > 0 and not a.attisdropped and a.attgenerated <> 'v'
         group by 1) as p),
      '''{}''::pg_catalog.jsonb') end
$function$;

alter function audit.has_plain_types(oid) owner to audit_owner;
alter function audit.image_expression(oid, text) owner to audit_owner;
revoke all on function audit.has_plain_types(oid), audit.image_expression(oid, text) from public;
grant execute on function audit.has_plain_types(oid), audit.image_expression(oid, text) to audit_capture;
