-- The few rows that audit.log joins to every change are too few for autovacuum to count: without it the planner takes them for one
-- row, and sorts the whole log where the newest rows would do.
analyze audit.tracked_table, audit.catalogue_table, audit.catalogue_column, audit.setting, audit.gateway, audit.signing_key
