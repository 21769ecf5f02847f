-- The transactions that changed a row or its parts, newest first. The changes are read once: no index leads from a key to them, it would
-- cost every write. Keys are compared whole, in the forms that the asked one can have; only one that has other columns, since a
-- column of the key was renamed, is taken apart. IS NOT NULL ends the comparison there: NULL AND ... would look at all that follows.
SELECT at, transaction_id::text::bigint
FROM (
    SELECT DISTINCT c.at, c.transaction_id
    FROM audit.all_change AS c
    WHERE c.at >= (
            -- 24 hours a day: a day interval would follow the session's daylight saving.
            SELECT now() - make_interval(hours => 24 * coalesce(max(value)::integer, 90))
            FROM audit.setting WHERE name = 'retention_days')
        AND (%(since)s::timestamptz IS NULL OR c.at >= %(since)s)
        AND (%(until)s::timestamptz IS NULL OR c.at < %(until)s)
        AND (c.table_id = ANY (%(tables)s::integer[])
                AND (c.key = ANY (%(forms)s::jsonb[]) OR NOT c.key ?& %(columns)s::text[] AND audit.key_text(c.key) = %(key)s)
            OR c.root_key IS NOT NULL AND c.root_table_id = ANY (%(tables)s::integer[])
                AND (c.root_key = ANY (%(forms)s::jsonb[]) OR NOT c.root_key ?& %(columns)s::text[] AND audit.key_text(c.root_key) = %(key)s)
            OR c.former_root_key IS NOT NULL AND c.former_root_table_id = ANY (%(tables)s::integer[])
                AND (c.former_root_key = ANY (%(forms)s::jsonb[]) OR NOT c.former_root_key ?& %(columns)s::text[] AND audit.key_text(c.former_root_key) = %(key)s))) AS found
ORDER BY at DESC, transaction_id DESC
