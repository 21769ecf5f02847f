-- Capture locks the registry of tables before the log: a script that alters both does too, or a business write could die of a deadlock.
do $lock$
begin
  if pg_catalog.to_regclass('audit.tracked_table') is not null then
    lock table audit.tracked_table in access exclusive mode;
  end if;
end
$lock$;
