-- When a recipient's last digest was cut, and the last one that was mailed.
SELECT max(cut_at) FILTER (WHERE place = 1), max(cut_at) FILTER (WHERE message_id IS NOT NULL AND mail = 1)
FROM (
    SELECT cut_at, message_id, row_number() OVER (ORDER BY serial DESC) AS place,
        row_number() OVER (PARTITION BY message_id IS NOT NULL ORDER BY serial DESC) AS mail
    FROM audit.digest WHERE recipient_id = %(recipient_id)s) AS d
