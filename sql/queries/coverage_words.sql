-- The columns of tracked tables that a catalogue should have words for: all that are recorded with their values, keys and names excepted.
select t.table_name, pg_catalog.array_agg(a.attname::text order by a.attnum)
from audit.tracked_table as t
join pg_catalog.pg_attribute as a on a.attrelid = t.relid and a.attnum > 0 and not a.attisdropped
where t.until is null and t.kind = 'tracked'
  and a.attname <> all (coalesce(t.key_columns, '{}') || t.ignored || t.masked || coalesce(t.parent_columns, '{}')
    || array_remove(array[t.account_column, t.label_column], null))
group by t.table_name
order by t.table_name
