-- What tells the state of the service at a glance, whatever the size of the log. Safe to run again.
set local role audit_owner;

-- No transaction takes back what a sequence counts, and asking it scans nothing.
create sequence if not exists audit.degraded;
comment on sequence audit.degraded is 'Counts the statements over available tables that could not be recorded in full, ever since, also those rolled back; a crash may add up to 32.';

create index if not exists delivery_parked_idx on audit.delivery (digest_id) where state = 'parked';
create index if not exists delivery_sent_at_idx on audit.delivery (sent_at) where state = 'sent';

reset role;
