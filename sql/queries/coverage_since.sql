-- Since when each table is under watch.
select t.table_name, t.since from audit.tracked_table as t where t.until is null
