-- Makes audit.catalogue_table equal to the given rows; touches only what differs.
with given as (
  select r.* from jsonb_to_recordset(%(rows)s) as r(
    table_name text, module text, entity text, label_column text, root text, soft_delete_column text)
), gone as (
  delete from audit.catalogue_table as t where not exists (select from given as g where g.table_name = t.table_name)
)
insert into audit.catalogue_table as t (table_name, module, entity, label_column, root, soft_delete_column)
select g.table_name, g.module, g.entity, g.label_column, g.root, g.soft_delete_column from given as g
on conflict (table_name) do update
set module = excluded.module, entity = excluded.entity, label_column = excluded.label_column,
  root = excluded.root, soft_delete_column = excluded.soft_delete_column
where t is distinct from excluded
