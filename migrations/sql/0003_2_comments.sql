-- What \d+ says of the columns of 0003.
set local role audit_owner;
comment on column audit.change.former_root_table_id is 'Table of the entity that an update took the row away from; NULL: it stayed.';
comment on column audit.change.former_root_key is 'Key of the entity that an update took the row away from; NULL: it stayed.';
comment on column audit.change.former_account is 'The account that an update took the row away from; NULL: it stayed.';
comment on column audit.change.partition is 'Of a TRUNCATE and the rows that it removed: the partition, as schema.name, after those above it; NULL: the table itself.';
comment on column audit.tracked_table.columns is 'Names of the columns by number, dropped ones too, when the table was put under watch: a renamed column keeps its number.';
comment on column audit.tracked_table.noted_for is 'The table that the numbers are of; a restored one numbers its columns anew.';
comment on column audit.tracked_table.shown is 'Columns that look like secrets and are logged all the same, because somebody said so.';
reset role;
