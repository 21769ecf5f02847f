-- What stands for this database: its number, and that of its cluster, in a few letters. A copy by dump and restore has its own.
select pg_catalog.substr(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
  c.system_identifier || '.' || d.oid, 'UTF8')), 'hex'), 1, 12)
from pg_catalog.pg_control_system() as c, pg_catalog.pg_database as d
where d.datname = pg_catalog.current_database()
