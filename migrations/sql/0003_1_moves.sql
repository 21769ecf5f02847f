-- Where a row moved away from, which partition was emptied, and a tracked table's columns when it was put under watch. Safe to run again.
set local role audit_owner;

-- Capture locks the registry of tables before the log: who changes both does too, or a business write could die of a deadlock.
lock table audit.tracked_table in access exclusive mode;

-- Looked for first: adding what is there would lock the log all the same.
do $columns$
declare
  part text;
begin
  foreach part in array array['audit.change', 'audit.change_spill'] loop
    if not exists (
      select from pg_catalog.pg_attribute as a where a.attrelid = part::regclass and a.attname = 'former_root_key' and not a.attisdropped)
    then
      execute pg_catalog.format(
        'alter table %s add column former_root_table_id integer, add column former_root_key jsonb, add column former_account text,
           add column partition text[]', part);
    end if;
  end loop;
end
$columns$;

alter table audit.tracked_table add column if not exists columns text[];
alter table audit.tracked_table add column if not exists noted_for oid;
alter table audit.tracked_table add column if not exists shown text[] not null default '{}';

-- Of a table that is under watch since an earlier version, the columns of now are the best that there is.
update audit.tracked_table as t
set columns = c.names, noted_for = t.relid,
  shown = array(
    select k from pg_catalog.unnest(c.names) as k
    where k operator(pg_catalog.~*) '(passw(or)?d|passphrase|secret|token|api_?key|private_?key|credential|(^|_)otp(_|$)|(^|_)pin(_|$))'
      and k <> all (t.masked || coalesce(t.key_columns, '{}')))
from (
  select a.attrelid, array_agg(a.attname::text order by a.attnum) as names
  from pg_catalog.pg_attribute as a
  where a.attnum > 0
  group by a.attrelid) as c
where c.attrelid = t.relid and t.columns is null;

-- Of 0002, and no more: one with a further argument takes its place, and the trigger functions' plans know the cluster (audit.incarnation_here).
drop function if exists audit.many_statement(audit.tracked_table, "char", oid, text, text);
drop table if exists audit.server_start;

reset role;
