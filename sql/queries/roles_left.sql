-- The roles of the log that this cluster has.
select r.rolname from pg_catalog.pg_roles as r where r.rolname = any (%(names)s) order by r.rolname
