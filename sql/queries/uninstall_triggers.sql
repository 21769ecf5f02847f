-- Takes the triggers of the log off every table, and the log's rights on them.
do $uninstall$
declare
  found record;
begin
  -- The event triggers first, with their functions: what follows is no DDL to be logged. Whoever owns the schema may do so.
  for found in
    select p.oid::pg_catalog.regprocedure as identity
    from pg_catalog.pg_proc as p
    where p.pronamespace = pg_catalog.to_regnamespace('audit') and p.prorettype = 'pg_catalog.event_trigger'::pg_catalog.regtype
  loop
    execute pg_catalog.format('drop function %s cascade', found.identity);
  end loop;
  for found in
    select t.tgrelid::pg_catalog.regclass as part, t.tgname as name
    from pg_catalog.pg_trigger as t
    join pg_catalog.pg_proc as p on p.oid = t.tgfoid
    where p.pronamespace = pg_catalog.to_regnamespace('audit') and p.proname like 'capture%' and t.tgparentid = 0
  loop
    execute pg_catalog.format('drop trigger %I on %s', found.name, found.part);
  end loop;
  -- What is not there was removed by hand.
  if to_regclass('audit.tracked_table') is not null then
    update audit.tracked_table set until = now() where until is null;
  end if;
  if to_regrole('audit_capture') is not null then
    -- Also drops the trigger functions, which this role owns.
    drop owned by audit_capture;
  end if;
end
$uninstall$;
