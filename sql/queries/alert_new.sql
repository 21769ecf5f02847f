-- What a look has to do: readers without a stand, whether something is held back, and the places up to which readers were looked for.
-- What is held for somebody who is paused, or whose mails come back, waits for an update of that recipient, which is a transaction of the log itself.
SELECT %(channel)s = 'mail' AND EXISTS (
        SELECT FROM audit.recipient AS r
        WHERE NOT EXISTS (SELECT FROM audit.alert_stand AS s WHERE s.channel = 'mail' AND s.reader = r.id))
    OR %(channel)s = 'webhook' AND NOT EXISTS (SELECT FROM audit.alert_stand AS s WHERE s.channel = 'webhook') AS missing,
    coalesce((SELECT sum(s.held) FROM audit.alert_stand AS s 
        WHERE s.channel = %(channel)s AND coalesce(s.held_for, '') NOT IN ('paused', 'bounced')), 0)::bigint AS held,
    coalesce((
        SELECT array_agg(DISTINCT array[s.looked_incarnation::text, s.looked_xid::text])
        FROM audit.alert_stand AS s WHERE s.channel = %(channel)s), '{}') AS looked
