WITH columns AS (DELETE FROM audit.catalogue_column)
DELETE FROM audit.catalogue_table
