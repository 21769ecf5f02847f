-- Baselines of tables whose watch ended before the time of all that is in the log: nothing is left to compare them with.
with ended as (
  delete from audit.baseline_table as b using audit.tracked_table as t where t.id = b.table_id and t.until < %(before)s)
delete from audit.baseline as b using audit.tracked_table as t where t.id = b.table_id and t.until < %(before)s
