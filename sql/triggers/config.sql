-- Which tracked table a trigger fired for.
-- object: function audit.config_of(oid): The registry's row of a table, or of the partitioned table that it belongs to; NULL when it is not tracked.

create or replace function audit.config_of(relation oid)
returns audit.tracked_table
language plpgsql stable
as $function$
#variable_conflict use_variable
declare
  config audit.tracked_table;
begin
  select t.* into config from audit.tracked_table as t where t.relid = relation and t.until is null;
  if not found then
    select t.* into config
    from pg_partition_ancestors(relation) as a
    join audit.tracked_table as t on t.relid = a.relid and t.until is null
    limit 1;
  end if;
  return config;
end
$function$;

alter function audit.config_of(oid) owner to audit_owner;
revoke all on function audit.config_of(oid) from public;
grant execute on function audit.config_of(oid) to audit_capture;
-- The page tells whether every trigger is in its place.
grant execute on function audit.config_of(oid) to audit_web;
