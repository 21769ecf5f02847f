-- What a column of the rows of a table was before each change of a time, whatever its name was then.
WITH tables AS (SELECT t.id FROM audit.tracked_table AS t WHERE t.table_name = %(table)s),
changes AS (
    SELECT c.id, c.key, (SELECT c.old -> n FROM unnest(%(columns)s::text[]) AS n WHERE c.old ? n LIMIT 1) AS value FROM audit.change AS c
    WHERE c.at >= %(since)s AND (%(until)s::timestamptz IS NULL OR c.at < %(until)s) AND c.operation IN ('U', 'D') AND c.old ?| %(columns)s::text[] AND c.table_id IN (SELECT id FROM tables)
    UNION ALL
    SELECT c.id, c.key, (SELECT c.old -> n FROM unnest(%(columns)s::text[]) AS n WHERE c.old ? n LIMIT 1) FROM audit.change_spill AS c
    WHERE c.at >= %(since)s AND (%(until)s::timestamptz IS NULL OR c.at < %(until)s) AND c.operation IN ('U', 'D') AND c.old ?| %(columns)s::text[] AND c.table_id IN (SELECT id FROM tables))
SELECT id, key, value FROM changes WHERE key IS NOT NULL ORDER BY id
