-- Tracked tables that are not as the log last saw them: what changed, so that no entry tells of it yet.
select t.table_name, pg_catalog.string_agg(
  pg_catalog.concat_ws(' ', nullif(d.thing, 'table'), d.name, d.action, case when d.thing = 'table' then 'from ' || d.old_value || ' to ' || d.new_value end),
  ', ' order by d.thing = 'table' desc, d.thing, d.name, d.action)
from audit.tracked_table as t
join audit.table_shape as s on s.table_id = t.id and s.noted_for = t.relid
join pg_catalog.pg_class as c on c.oid = t.relid
cross join lateral audit.shape_difference(s.shape, audit.shape_of(t.relid)) as d
where t.until is null and d.thing <> 'capture'
group by t.table_name
order by t.table_name
