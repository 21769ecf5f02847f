-- What the rows of tracked tables were when a comparison of log and tables begins (whochanged reconcile). Safe to run again.
set local role audit_owner;

create table if not exists audit.baseline_table (
  table_id integer primary key,
  taken_at timestamptz not null,
  snapshot pg_snapshot not null,
  last_id bigint not null,
  incarnation smallint not null,
  noted_for oid not null,
  columns text[] not null,
  types text[] not null,
  key_columns text[] not null,
  compared text[] not null,
  rows bigint not null,
  void text,
  reconciled_at timestamptz,
  differences bigint
);

create table if not exists audit.baseline (
  table_id integer not null,
  key jsonb not null,
  image jsonb not null,
  present integer not null default 1,
  rest jsonb
);
-- By a hash, for a key may be longer than an index row; equal keys have equal hashes, 1.0 and 1.00 too.
create index if not exists baseline_key_idx on audit.baseline (table_id, pg_catalog.jsonb_hash_extended(key, 0));
create index if not exists baseline_rest_idx on audit.baseline (table_id) where rest is not null or present <> 1;

create table if not exists audit.rebase (
  id integer generated always as identity primary key,
  at timestamptz not null default now(),
  table_name text not null,
  rows bigint not null,
  differences bigint not null,
  accepted jsonb not null,
  reason text
);

comment on table audit.baseline_table is 'Where the comparison of a tracked table with its log begins: whochanged reconcile.';
comment on column audit.baseline_table.table_id is 'audit.tracked_table.id.';
comment on column audit.baseline_table.taken_at is 'When the rows were read.';
comment on column audit.baseline_table.snapshot is 'Which transactions the rows contain already.';
comment on column audit.baseline_table.last_id is 'A change with a higher number came after the rows were read.';
comment on column audit.baseline_table.incarnation is 'The cluster of the snapshot: audit.incarnation.id.';
comment on column audit.baseline_table.noted_for is 'The table whose columns were noted; another one is matched by names.';
comment on column audit.baseline_table.columns is 'Names of the columns by number; NULL for one that was dropped.';
comment on column audit.baseline_table.types is 'Types of the columns by number.';
comment on column audit.baseline_table.key_columns is 'Columns of the key, by which rows are compared.';
comment on column audit.baseline_table.compared is 'Columns that were kept: neither masked nor ignored nor virtual.';
comment on column audit.baseline_table.rows is 'How many rows were read.';
comment on column audit.baseline_table.void is 'Why the log cannot say any more what the rows should be; NULL while it can.';
comment on column audit.baseline_table.reconciled_at is 'When the table was last compared with its log.';
comment on column audit.baseline_table.differences is 'How many differences there were then.';
comment on table audit.baseline is 'The rows of tracked tables as of their baseline; a purge adds to it what it takes from the log.';
comment on column audit.baseline.table_id is 'audit.tracked_table.id.';
comment on column audit.baseline.key is 'The key, by the column names of the baseline.';
comment on column audit.baseline.image is 'The compared columns.';
comment on column audit.baseline.present is 'How often the row is there by what was added up: 1, unless the log contradicts itself.';
comment on column audit.baseline.rest is 'What does not add up to one value a column yet: [column, value, how often, number of the change].';
comment on table audit.rebase is 'Who accepted the present rows of a table as its baseline, and what differed then.';
comment on column audit.rebase.id is 'Number of the acceptance.';
comment on column audit.rebase.at is 'When.';
comment on column audit.rebase.table_name is 'The table.';
comment on column audit.rebase.rows is 'How many rows it had.';
comment on column audit.rebase.differences is 'How many differences from the log were accepted.';
comment on column audit.rebase.accepted is 'The first of these differences.';
comment on column audit.rebase.reason is 'Why nothing could be compared; NULL where it was.';

reset role;
