-- The tables of the log: see docs/decisions/0001-data-model.md. Safe to run again.
set local role audit_owner;

create table if not exists audit.transaction (
  at timestamptz not null default now(),
  transaction_id xid8 not null default pg_current_xact_id(),
  setting_key bytea not null,
  id bigint generated always as identity,
  incarnation smallint not null,
  actor text,
  context jsonb,
  database_user text not null,
  role text,
  application text,
  client_addr inet,
  backend_pid integer,
  unique (at, transaction_id, setting_key)
) partition by range (at);

create table if not exists audit.change (
  at timestamptz not null default now(),
  id bigint generated always as identity,
  transaction_id xid8 not null default pg_current_xact_id(),
  table_id integer not null,
  operation "char" not null check (operation in ('I', 'U', 'D', 'T')),
  key jsonb,
  old jsonb,
  new jsonb,
  about jsonb,
  root_table_id integer,
  root_key jsonb,
  account text
) partition by range (at);

create index if not exists change_account_idx on audit.change (account, transaction_id) where account is not null;

create table if not exists audit.transaction_spill (like audit.transaction including defaults including constraints);
create table if not exists audit.change_spill (like audit.change including defaults including constraints);

-- A spilled row takes its id from the same sequence as the others, so that ids stay comparable.
alter table audit.transaction_spill alter column id set default nextval('audit.transaction_id_seq');
alter table audit.change_spill alter column id set default nextval('audit.change_id_seq');
create unique index if not exists transaction_spill_key on audit.transaction_spill (at, transaction_id, setting_key);

create table if not exists audit.entity (
  table_id integer not null,
  key jsonb not null,
  about jsonb not null default '{}',
  root_table_id integer,
  root_key jsonb,
  account text,
  deleted_at timestamptz,
  primary key (table_id, key)
);

create table if not exists audit.tracked_table (
  id integer generated always as identity primary key,
  relid regclass not null,
  table_name text not null,
  kind text not null default 'tracked' check (kind in ('tracked', 'label')),
  key_columns text[],
  ignored text[] not null default '{}',
  masked text[] not null default '{}',
  about text[] not null default '{}',
  label_column text,
  account_column text,
  parent_table regclass,
  parent_columns text[],
  registered boolean not null default false,
  since timestamptz not null default now(),
  until timestamptz
);
create unique index if not exists tracked_table_relid_idx on audit.tracked_table (relid);

create table if not exists audit.catalogue_table (
  table_name text primary key,
  module text not null,
  entity text not null,
  label_column text,
  root text,
  soft_delete_column text
);

create table if not exists audit.catalogue_column (
  table_name text not null,
  column_name text not null,
  module text,
  label text,
  primary key (table_name, column_name)
);

create table if not exists audit.incarnation (
  id smallint generated always as identity primary key,
  system_identifier bigint not null,
  since timestamptz not null default now()
);

create table if not exists audit.setting (
  name text primary key,
  value text not null
);

insert into audit.incarnation (system_identifier)
select c.system_identifier from pg_catalog.pg_control_system() as c
where not exists (select from audit.incarnation);

insert into audit.setting (name, value)
values ('retention_days', '90'), ('product_roles', '')
on conflict do nothing;

reset role;

do $owner$
begin
  if to_regclass('audit.alembic_version') is not null then
    execute 'alter table audit.alembic_version owner to audit_owner';
  end if;
end
$owner$;
