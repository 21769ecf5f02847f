-- What the roles may do. The trigger functions run as audit_capture, which may add to the log and nothing else.
-- Giving a function away needs CREATE on the schema for its new owner, for this moment only.
set local role audit_owner;
grant usage on schema audit to audit_capture, audit_reader;
grant insert on audit.transaction, audit.change, audit.transaction_spill, audit.change_spill to audit_capture;
grant usage on sequence audit.transaction_id_seq, audit.change_id_seq, audit.unrecorded, audit.degraded to audit_capture;
grant select on sequence audit.unrecorded, audit.degraded to audit_reader;
grant select on audit.tracked_table, audit.incarnation to audit_capture;
grant select, insert, update on audit.entity to audit_capture;
grant insert on audit.schema_change to audit_capture;
grant select, insert, update, delete on audit.table_shape to audit_capture;
grant select on audit.transaction, audit.change, audit.transaction_spill, audit.change_spill, audit.entity, audit.tracked_table,
  audit.catalogue, audit.catalogue_table, audit.catalogue_column, audit.incarnation, audit.setting,
  audit.recipient, audit.digest, audit.delivery, audit.purge, audit.job_run, audit.schema_change, audit.gateway, audit.signing_key,
  audit.baseline_table, audit.rebase to audit_reader;
grant create on schema audit to audit_capture;
reset role;
alter function audit.capture() owner to audit_capture;
alter function audit.capture_truncate() owner to audit_capture;
alter function audit.capture_label() owner to audit_capture;
alter function audit.capture_replicated() owner to audit_capture;
alter function audit.capture_available() owner to audit_capture;
alter function audit.capture_truncate_available() owner to audit_capture;
alter function audit.make_capture(integer) owner to audit_capture;
set local role audit_owner;
revoke create on schema audit from audit_capture;
reset role;
set local role audit_capture;
revoke all on function audit.capture(), audit.capture_truncate(), audit.capture_label(), audit.capture_replicated(),
  audit.capture_available(), audit.capture_truncate_available(), audit.make_capture(integer) from public;
grant execute on function audit.capture(), audit.capture_truncate(), audit.capture_label(), audit.capture_replicated(),
  audit.capture_available(), audit.capture_truncate_available(), audit.make_capture(integer) to audit_owner;
reset role;
