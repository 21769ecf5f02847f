-- Tells Alembic which migrations this script stands for.
create table if not exists audit.alembic_version (
  version_num varchar(32) not null, constraint alembic_version_pkc primary key (version_num));
alter table audit.alembic_version owner to audit_owner;
delete from audit.alembic_version where version_num <> '0006';
insert into audit.alembic_version (version_num) values ('0006') on conflict do nothing;
