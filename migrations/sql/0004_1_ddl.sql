-- What was done to the structure of tracked tables and to the watch over them (docs/ddl.md). Safe to run again.
set local role audit_owner;

create table if not exists audit.schema_change (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  transaction_id xid8 not null default pg_current_xact_id(),
  command text not null,
  table_name text not null,
  thing text not null,
  name text,
  action text not null,
  old_value text,
  new_value text
);

create table if not exists audit.table_shape (
  table_id integer primary key,
  noted_for oid not null,
  shape jsonb not null,
  busy boolean not null default false
);

comment on table audit.schema_change is 'What was done to the structure of tracked tables, or to the watch over them. Under watch itself: each is an entry in module Audit log.';
comment on column audit.schema_change.id is 'Number of the change.';
comment on column audit.schema_change.at is 'When its transaction began.';
comment on column audit.schema_change.transaction_id is 'Transaction that did it; who that was stands in audit.transaction.';
comment on column audit.schema_change.command is 'What was run, as ALTER TABLE.';
comment on column audit.schema_change.table_name is 'The tracked table, as schema.name, unquoted.';
comment on column audit.schema_change.thing is 'What of it: table, column, partition, constraint, rule, trigger, policy, or capture (the watch itself).';
comment on column audit.schema_change.name is 'Name of the column, partition, ...; NULL: the table as a whole.';
comment on column audit.schema_change.action is 'added, dropped, renamed, retyped, ... : docs/ddl.md has all.';
comment on column audit.schema_change.old_value is 'Type, name or owner before, where there is one.';
comment on column audit.schema_change.new_value is 'Type, name or owner after, where there is one.';
comment on table audit.table_shape is 'What each tracked table looked like when the log last looked: the next DDL is compared with it.';
comment on column audit.table_shape.table_id is 'audit.tracked_table.id.';
comment on column audit.table_shape.noted_for is 'The table that the numbers in it are of; a restored one has others.';
comment on column audit.table_shape.shape is 'audit.shape_of() of it: names, types, owner, partitions; of expressions only their hash.';
comment on column audit.table_shape.busy is 'The log itself is changing its triggers; true within that transaction only.';

reset role;
