-- What an installation leaves behind besides its objects: the cluster that it runs in.
insert into audit.incarnation (system_identifier)
select c.system_identifier from pg_catalog.pg_control_system() as c
where c.system_identifier is distinct from (
  select i.system_identifier from audit.incarnation as i order by i.id desc limit 1);
