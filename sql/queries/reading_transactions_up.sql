-- A block of transactions, oldest first: reading_transactions.sql the other way round.
WITH everything AS NOT MATERIALIZED (
    SELECT * FROM audit.transaction UNION ALL SELECT * FROM audit.transaction_spill),
retention AS (
    -- 24 hours a day: a day interval would follow the session's daylight saving.
    SELECT now() - make_interval(hours => 24 * coalesce(max(value)::integer, 90)) AS since
    FROM audit.setting WHERE name = 'retention_days')
SELECT at, transaction_id::text::bigint
FROM (
    SELECT DISTINCT t.at, t.transaction_id
    FROM everything AS t
    WHERE (%(whole)s OR t.at >= (SELECT since FROM retention))
        AND (%(since)s::timestamptz IS NULL OR t.at >= %(since)s)
        AND (%(until)s::timestamptz IS NULL OR t.at < %(until)s)
        -- The first condition lets the index begin where the last block ended.
        AND (%(after_at)s::timestamptz IS NULL OR t.at >= %(after_at)s
            AND (t.at, t.transaction_id) > (%(after_at)s, %(after_id)s::text::xid8))
        AND ((%(accounts)s::text[] IS NULL AND %(tables)s::text[] IS NULL)
            OR EXISTS (
                SELECT FROM (SELECT * FROM audit.change UNION ALL SELECT * FROM audit.change_spill) AS c
                JOIN audit.tracked_table AS tracked ON tracked.id = c.table_id
                WHERE c.transaction_id = t.transaction_id AND c.at = t.at
                    -- One that moved to another account is for both.
                    AND (%(accounts)s::text[] IS NULL OR c.account = ANY (%(accounts)s) OR c.former_account = ANY (%(accounts)s))
                    AND (%(tables)s::text[] IS NULL OR tracked.table_name = ANY (%(tables)s))))
    ORDER BY t.at, t.transaction_id
    LIMIT %(block)s) AS wanted
ORDER BY at, transaction_id
