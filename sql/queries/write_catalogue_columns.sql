-- Makes audit.catalogue_column equal to the given rows; touches only what differs.
with given as (
  select r.* from jsonb_to_recordset(%(rows)s) as r(
    table_name text, column_name text, module text, label text)
), gone as (
  delete from audit.catalogue_column as c
  where not exists (select from given as g where (g.table_name, g.column_name) = (c.table_name, c.column_name))
)
insert into audit.catalogue_column as c (table_name, column_name, module, label)
select g.table_name, g.column_name, g.module, g.label from given as g
on conflict (table_name, column_name) do update
set module = excluded.module, label = excluded.label
where c is distinct from excluded
