-- What the retention removed since a cursor moved last, of the days that it had not reached.
SELECT min(greatest(p.first_day, c.reached)) AS first_day, max(p.last_day) AS last_day
FROM (
    SELECT moved_at, (coalesce(reached_at, made_at) AT TIME ZONE 'UTC')::date AS reached
    FROM audit.shipping_cursor WHERE name = %(name)s) AS c
JOIN audit.purge AS p ON p.at > c.moved_at AND p.last_day >= c.reached AND p.changes > 0
HAVING count(*) > 0
