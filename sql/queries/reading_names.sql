-- What a column of the rows of a table was before each change of a time.
WITH tables AS (SELECT t.id FROM audit.tracked_table AS t WHERE t.table_name = %(table)s),
changes AS (
    SELECT c.id, c.key, c.old -> %(column)s AS value FROM audit.change AS c
    WHERE c.at >= %(since)s AND (%(until)s::timestamptz IS NULL OR c.at < %(until)s) AND c.operation IN ('U', 'D') AND c.old ? %(column)s AND c.table_id IN (SELECT id FROM tables)
    UNION ALL
    SELECT c.id, c.key, c.old -> %(column)s FROM audit.change_spill AS c
    WHERE c.at >= %(since)s AND (%(until)s::timestamptz IS NULL OR c.at < %(until)s) AND c.operation IN ('U', 'D') AND c.old ? %(column)s AND c.table_id IN (SELECT id FROM tables))
SELECT id, key, value FROM changes WHERE key IS NOT NULL ORDER BY id
