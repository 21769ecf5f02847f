-- What the retention removed since a recipient's last digest was cut, of the days that none has told yet. `certain` says that there
-- were changes among them: a purge that removed older days too counts all of its days together.
-- The day on which the untold ones begin is in UTC, like those of a purge; an end that a wrong clock gave lies after the cut.
WITH stand AS (
    SELECT coalesce(last.cut_at, r.added_at) AS cut_at,
        (least(coalesce(last.window_end, r.added_at), last.cut_at) AT TIME ZONE 'UTC')::date AS untold
    FROM audit.recipient AS r
    LEFT JOIN LATERAL (
        SELECT d.cut_at, d.window_end FROM audit.digest AS d WHERE d.recipient_id = r.id AND d.kind = 'digest' ORDER BY d.serial DESC LIMIT 1) AS last ON true
    WHERE r.id = %(recipient_id)s)
SELECT min(greatest(p.first_day, s.untold)) AS first_day, max(p.last_day) AS last_day, bool_or(p.first_day >= s.untold) AS certain
FROM stand AS s
JOIN audit.purge AS p ON p.at > s.cut_at AND p.last_day >= s.untold AND p.changes > 0
HAVING count(*) > 0
