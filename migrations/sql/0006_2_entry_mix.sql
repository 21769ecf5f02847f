-- What comes together in entries: with it a pair of filters that find much each, and nothing together, is answered without looking.
-- docs/decisions/0005-index-of-entries.md. Safe to run again.
set local role audit_owner;

create table if not exists audit.entry_mix (
  mix text collate "C" primary key,
  actor_kind text not null,
  module text not null,
  type text not null,
  entity text not null,
  sensitivity text not null
);
create table if not exists audit.entry_term (
  mix text collate "C" not null,
  term text collate "C" not null,
  period date not null,
  primary key (mix, term)
);
grant select on audit.entry_mix, audit.entry_term to audit_reader;

comment on table audit.entry_mix is 'What comes together in entries of the index: few rows, for modules, nouns and types of change are few. Derived, as the index.';
comment on column audit.entry_mix.mix is 'The term by which audit.entry finds such entries.';
comment on column audit.entry_mix.actor_kind is 'user, system or database.';
comment on column audit.entry_mix.module is 'Module, without case.';
comment on column audit.entry_mix.type is 'Type of change, without case.';
comment on column audit.entry_mix.entity is 'What was changed, as a noun, without case.';
comment on column audit.entry_mix.sensitivity is 'low, normal or high.';
comment on table audit.entry_term is 'The words, people and accounts that entries of a mix have had. Derived, as the index.';
comment on column audit.entry_term.mix is 'The mix: audit.entry_mix.mix.';
comment on column audit.entry_term.term is 'A term of audit.entry.';
comment on column audit.entry_term.period is 'The first day of the month of the latest entry that had both.';

reset role;
