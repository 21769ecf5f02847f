-- What happens to a write that cannot be logged: the policy of each table, and what says so in the log. Safe to run again.
set local role audit_owner;

-- Capture locks the registry of tables before the log: who changes both does too, or a business write could die of a deadlock.
lock table audit.tracked_table in access exclusive mode;

alter table audit.tracked_table add column if not exists failure text not null default 'strict'
  constraint tracked_table_failure_check check (failure in ('strict', 'available'));

-- Looked for first: adding what is there would lock the log all the same.
do $columns$
declare
  part text;
begin
  foreach part in array array['audit.change', 'audit.change_spill'] loop
    if not exists (
      select from pg_catalog.pg_attribute as a where a.attrelid = part::regclass and a.attname = 'degraded' and not a.attisdropped)
    then
      execute pg_catalog.format('alter table %s add column degraded jsonb', part);
    end if;
  end loop;
end
$columns$;

-- No transaction takes back what a sequence counts, and it needs no table of the log.
create sequence if not exists audit.unrecorded;

-- Of 0003, and no more: one with a further argument takes its place.
drop function if exists audit.track(regclass, text[], text[], text[], text[], text, text, regclass, text[], text, boolean);

comment on column audit.tracked_table.failure is 'What happens to a write that cannot be logged: strict, it fails; available, it goes through, and a degraded row says what is missing.';
comment on column audit.change.degraded is 'Of a row that says what could not be logged of a statement over an available table: its rows, SQLSTATE, message, the columns that are missing (NULL: nothing of its rows is here). NULL: a change.';
comment on column audit.change_spill.degraded is 'As in audit.change.';
comment on sequence audit.unrecorded is 'Counts the statements over available tables that went through without any row of the log, also those rolled back since; a crash may add up to 32.';

reset role;
