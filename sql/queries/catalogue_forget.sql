-- The log's own tables are described by sql/queries/track_own.sql.
WITH columns AS (DELETE FROM audit.catalogue_column WHERE table_name NOT LIKE 'audit.%%')
DELETE FROM audit.catalogue_table WHERE table_name NOT LIKE 'audit.%%'
