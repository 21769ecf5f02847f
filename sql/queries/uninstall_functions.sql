-- Leaves the log to be read: its tables, its views and the functions that these need.
do $uninstall$
declare
  found record;
begin
  for found in
    select p.oid::pg_catalog.regprocedure as identity
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'audit'::pg_catalog.regnamespace
      and p.proname <> all (array['key_text', 'first_wins', 'merge_contexts', 'inside_truncate'])
  loop
    execute pg_catalog.format('drop function %s', found.identity);
  end loop;
end
$uninstall$;
