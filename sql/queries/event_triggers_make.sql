-- Event triggers are for superusers to make. Without them everything else works as before, and whochanged status tells.
do $install$
begin
  if not (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user) then
    raise warning 'DDL on tracked tables is neither refused nor logged: install as a superuser to have it so';
  elsif exists (
    select from pg_catalog.pg_roles as r
    where not r.rolsuper and r.rolname <> 'audit_capture' and pg_catalog.pg_has_role(r.oid, 'audit_capture', 'member'))
  then
    raise warning 'DDL on tracked tables is neither refused nor logged, since audit_capture has members, who could run code as a superuser: revoke it from them, then install again';
  else
    execute $events$
-- the files of sql/events
$events$;
  end if;
end
$install$;
