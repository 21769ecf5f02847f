-- What the log keeps of a row beside its changes. Safe to run again.
set local role audit_owner;

comment on column audit.change.about is 'Unchanged columns that name the entity; of an update that gave the row another key, or in a table without one, all unchanged columns but masked and ignored ones.';
comment on column audit.baseline.key is 'The key, by the column names of the baseline; of a table without a key, all compared columns.';
comment on column audit.baseline.image is 'The compared columns; {} in a table without a key.';
comment on column audit.baseline.present is 'How often the row is there by what was added up: 1 where there is a key, unless the log contradicts itself.';
comment on column audit.baseline_table.key_columns is 'Columns of the key, by which rows are compared; {} for a table without one.';

reset role;
