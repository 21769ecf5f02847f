-- The index of entries: what filters ask of them, derived from the log and disposable. docs/decisions/0005-index-of-entries.md. Safe to run again.
set local role audit_owner;

create table if not exists audit.entry (
  at timestamptz not null,
  transaction_id xid8 not null,
  last_id bigint not null,
  place integer not null,
  terms tsvector not null
) partition by range (at);
create index if not exists entry_place_idx on audit.entry (at desc, transaction_id desc, place);
create index if not exists entry_terms_idx on audit.entry using gin (terms);

create table if not exists audit.entry_day (
  day date primary key,
  words text not null,
  entries bigint not null,
  last_id bigint not null
);

create table if not exists audit.entry_tally (
  day date not null,
  module text not null,
  type text not null,
  entity text not null,
  actor text not null,
  actor_kind text not null,
  account text,
  former_account text,
  sensitivity text not null,
  entries bigint not null,
  unique nulls not distinct (day, module, type, entity, actor, actor_kind, account, former_account, sensitivity)
);

create table if not exists audit.entry_name (
  table_name text not null,
  key text not null,
  id bigint not null,
  at timestamptz not null,
  old jsonb not null,
  primary key (table_name, key, id)
);

create table if not exists audit.entry_index (
  one boolean primary key default true check (one),
  incarnation smallint not null,
  xid xid8 not null,
  names text not null default ''
);

grant select on audit.entry, audit.entry_day, audit.entry_tally, audit.entry_name, audit.entry_index to audit_reader;

comment on table audit.entry is 'Index of entries: one row for each entry, with the terms that filters ask for; partitions by UTC day. Derived from the log; emptying audit.entry_day makes it good for nothing, until whochanged index has made it anew.';
comment on column audit.entry.at is 'Start of the transaction: audit.transaction.at.';
comment on column audit.entry.transaction_id is 'The transaction: audit.transaction.transaction_id.';
comment on column audit.entry.last_id is 'The number of the last change of the transaction: names of after it count.';
comment on column audit.entry.place is 'The place of the entry among those of its transaction, as they are shown.';
comment on column audit.entry.terms is 'Words of names, sentences and values; with a capital before them, what other filters ask for; U where something may have become other words.';
comment on table audit.entry_day is 'The UTC days that the index has, each in the words of a catalogue and a version.';
comment on column audit.entry_day.day is 'The UTC day.';
comment on column audit.entry_day.words is 'What decides how entries read: another value makes the day stale, and it is read from the log until it is indexed again.';
comment on column audit.entry_day.entries is 'How many entries the index has of it.';
comment on column audit.entry_day.last_id is 'The highest last_id of its entries.';
comment on table audit.entry_tally is 'How many entries there are, by day and by what the overview shows. Derived, as the index.';
comment on column audit.entry_tally.day is 'The UTC day.';
comment on column audit.entry_tally.module is 'Module of the entries.';
comment on column audit.entry_tally.type is 'Type of change.';
comment on column audit.entry_tally.entity is 'What was changed, as a noun.';
comment on column audit.entry_tally.actor is 'Who is shown as the actor.';
comment on column audit.entry_tally.actor_kind is 'user, system or database.';
comment on column audit.entry_tally.account is 'The account of the entries; NULL when it is not known.';
comment on column audit.entry_tally.former_account is 'The account that they moved away from.';
comment on column audit.entry_tally.sensitivity is 'low, normal or high.';
comment on column audit.entry_tally.entries is 'How many.';
comment on table audit.entry_name is 'What rows were called before their changes, as far as others refer to them. Derived, as the index.';
comment on column audit.entry_name.table_name is 'The table of the row.';
comment on column audit.entry_name.key is 'The row''s key as text.';
comment on column audit.entry_name.id is 'The change: audit.change.id.';
comment on column audit.entry_name.at is 'When it began.';
comment on column audit.entry_name.old is 'The naming columns that it changed, as they were before.';
comment on table audit.entry_index is 'How far the index of entries has come: all transactions before the watermark are in it.';
comment on column audit.entry_index.one is 'There is one row.';
comment on column audit.entry_index.incarnation is 'Watermark: the cluster.';
comment on column audit.entry_index.xid is 'Watermark: the transaction.';
comment on column audit.entry_index.names is 'Which columns audit.entry_name tells of.';

reset role;
