-- The log by column.
-- object: view audit.log_field: Who changed which column: one row for each changed column of audit.log.

create or replace view audit.log_field as
select l.id, l.at, l.actor, l.actor_kind, l.ip, l.change_type, l.module, l.entity, l.entity_id, l.entity_name, l.account,
  l.table_name, l.operation, l.key, f.field, coalesce(k.label, f.field) as label,
  l.old -> f.field as before, l.new -> f.field as after,
  l.transaction_id, l.database_user, l.application, l.context, l.former_account, l.actor_trust, l.actor_shown
from audit.log as l
cross join lateral (
  select jsonb_object_keys(coalesce(l.new, l.old)) as field) as f
left join audit.catalogue_column as k on k.table_name = l.table_name and k.column_name = f.field;

alter view audit.log_field owner to audit_owner;
grant select on audit.log_field to audit_reader;
