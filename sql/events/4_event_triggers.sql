-- The event triggers, in the order of their names: refuse, write down, enrol. Last in an installation, whose own DDL is nobody's news.
-- event trigger: audit_guard_ddl: Refuses to disable, rename and replace the triggers of the log.
-- event trigger: audit_guard_drop: Refuses to drop the triggers of the log.
-- event trigger: audit_log_ddl: Writes DDL on tracked tables into audit.schema_change.
-- event trigger: audit_log_drop: Writes what is dropped of tracked tables into audit.schema_change.
-- event trigger: audit_log_rewrite: Writes into audit.schema_change that the rows of a tracked table are rewritten.
-- event trigger: audit_new_partitions: Puts the triggers of the log on new partitions of tracked tables.

drop event trigger if exists audit_guard_ddl, audit_guard_drop, audit_log_ddl, audit_log_drop, audit_log_rewrite, audit_new_partitions;

do $owners$
declare
  first_superuser constant text := (select quote_ident(r.rolname) from pg_catalog.pg_roles as r where r.oid = 10);
  name text;
begin
  foreach name in array array['guard_ddl', 'guard_drop', 'enrol_partitions'] loop
    execute pg_catalog.format('alter function audit.%I() owner to %s', name, first_superuser);
  end loop;
  foreach name in array array['log_ddl', 'log_drop', 'log_rewrite'] loop
    execute pg_catalog.format('alter function audit.%I() owner to audit_capture', name);
  end loop;
end
$owners$;
revoke all on function audit.guard_ddl(), audit.guard_drop(), audit.enrol_partitions(), audit.log_ddl(), audit.log_drop(), audit.log_rewrite()
  from public;

-- What was done while nobody looked is not to be told as the next one's doing.
select audit.keep_shape(t.id) from audit.tracked_table as t where t.until is null;

-- Only what can alter a table: other DDL is not slowed down. ALTER INDEX and its like can rename one.
create event trigger audit_guard_ddl on ddl_command_end
  when tag in ('ALTER TABLE', 'ALTER TRIGGER', 'CREATE TRIGGER') execute function audit.guard_ddl();
create event trigger audit_guard_drop on sql_drop execute function audit.guard_drop();
create event trigger audit_log_ddl on ddl_command_end
  when tag in ('ALTER TABLE', 'CREATE TABLE', 'CREATE SCHEMA', 'ALTER SCHEMA', 'CREATE TRIGGER', 'ALTER TRIGGER', 'CREATE RULE', 'ALTER RULE',
    'CREATE POLICY', 'ALTER POLICY', 'ALTER INDEX', 'ALTER VIEW', 'ALTER SEQUENCE', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE')
  execute function audit.log_ddl();
create event trigger audit_log_drop on sql_drop execute function audit.log_drop();
create event trigger audit_log_rewrite on table_rewrite execute function audit.log_rewrite();
create event trigger audit_new_partitions on ddl_command_end
  when tag in ('CREATE TABLE', 'ALTER TABLE', 'CREATE SCHEMA') execute function audit.enrol_partitions();

do $always$
declare
  first_superuser constant text := (select quote_ident(r.rolname) from pg_catalog.pg_roles as r where r.oid = 10);
  name text;
begin
  foreach name in array array['guard_ddl', 'guard_drop', 'log_ddl', 'log_drop', 'log_rewrite', 'new_partitions'] loop
    execute pg_catalog.format('alter event trigger audit_%s enable always', name);
    execute pg_catalog.format('alter event trigger audit_%s owner to %s', name, first_superuser);
  end loop;
end
$always$;
