-- What the overview of everything shows, ready to be added up: the index counts each entry here too,
-- and does so anew after this upgrade, since its terms are others. Safe to run again.
set local role audit_owner;

create table if not exists audit.entry_sum (
  day date not null,
  what text not null,
  name text not null,
  other text,
  entries bigint not null,
  unique nulls not distinct (day, what, name, other)
);
grant select on audit.entry_sum to audit_reader;

comment on table audit.entry_sum is 'How many entries there are, by day and by one thing at a time: audit.entry_tally added up in the ways that the overview of everything shows. Derived, as the index.';
comment on column audit.entry_sum.day is 'The UTC day.';
comment on column audit.entry_sum.what is 'By what is counted: module, person, type, entity, sensitivity or account. An entry counts for the account that it moved away from too.';
comment on column audit.entry_sum.name is 'The module, the actor, and so on, as in audit.entry_tally.';
comment on column audit.entry_sum.other is 'The kind of the person: user, system or database; else NULL.';
comment on column audit.entry_sum.entries is 'How many.';

reset role;
