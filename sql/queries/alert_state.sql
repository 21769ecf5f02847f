-- How the alerts are: what waits, what is held back, what was given up, and what nobody has looked at.
WITH mails AS (
    SELECT count(*) FILTER (WHERE v.state IN ('pending', 'retry')) AS waiting, count(*) FILTER (WHERE v.state = 'parked') AS parked,
        min(d.window_start) FILTER (WHERE v.state IN ('pending', 'retry')) AS oldest,
        min(d.cut_at) FILTER (WHERE v.state IN ('pending', 'retry')) AS waiting_since
    FROM audit.delivery AS v
    JOIN audit.digest AS d ON d.id = v.digest_id AND d.kind = 'alert'
    JOIN audit.recipient AS r ON r.id = d.recipient_id
    WHERE v.state <> 'sent'),
requests AS (
    SELECT count(*) FILTER (WHERE q.state IN ('pending', 'retry')) AS waiting, count(*) FILTER (WHERE q.state = 'parked') AS parked,
        min(q.oldest_at) FILTER (WHERE q.state IN ('pending', 'retry')) AS oldest,
        min(q.cut_at) FILTER (WHERE q.state IN ('pending', 'retry')) AS waiting_since,
        (SELECT l.answer FROM audit.webhook_request AS l WHERE l.state <> 'sent' AND l.answer IS NOT NULL ORDER BY l.id LIMIT 1) AS answer
    FROM audit.webhook_request AS q
    WHERE q.state <> 'sent')
SELECT m.waiting::integer AS mails_waiting, m.parked::integer AS mails_parked, m.oldest AS oldest_mail, m.waiting_since AS mails_waiting_since,
    q.waiting::integer AS requests_waiting, q.parked::integer AS requests_parked, q.oldest AS oldest_request,
    q.waiting_since AS requests_waiting_since, q.answer AS webhook_answer,
    coalesce((SELECT sum(s.held) FROM audit.alert_stand AS s WHERE coalesce(s.held_for, '') NOT IN ('paused', 'bounced', 'no_admin')), 0)::bigint AS held,
    (SELECT min(s.held_since) FROM audit.alert_stand AS s WHERE coalesce(s.held_for, '') NOT IN ('paused', 'bounced', 'no_admin')) AS held_since,
    (SELECT s.stopped_at FROM audit.alert_stand AS s WHERE s.channel = 'webhook') AS webhook_stopped_at,
    (SELECT s.stopped_for FROM audit.alert_stand AS s WHERE s.channel = 'webhook') AS webhook_stopped_for
FROM mails AS m CROSS JOIN requests AS q
