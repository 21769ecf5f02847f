-- Functions and views of the log with their comments, by identity without blanks.
select 'function ' || replace(p.oid::pg_catalog.regprocedure::text, ' ', ''), d.description
from pg_catalog.pg_proc as p
join pg_catalog.pg_description as d
  on d.objoid = p.oid and d.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objsubid = 0
where p.pronamespace = pg_catalog.to_regnamespace('audit')
union all
select 'view ' || c.oid::pg_catalog.regclass::text, d.description
from pg_catalog.pg_class as c
join pg_catalog.pg_description as d
  on d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objsubid = 0
where c.relnamespace = pg_catalog.to_regnamespace('audit') and c.relkind = 'v'
