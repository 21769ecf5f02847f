-- The time of the oldest transaction that is inside the retention.
WITH retention AS (
    SELECT now() - make_interval(hours => 24 * coalesce(max(value)::integer, 90)) AS since
    FROM audit.setting WHERE name = 'retention_days')
SELECT least(
    (SELECT t.at FROM audit.transaction AS t WHERE t.at >= (SELECT since FROM retention) ORDER BY t.at LIMIT 1),
    (SELECT min(t.at) FROM audit.transaction_spill AS t WHERE t.at >= (SELECT since FROM retention)))
