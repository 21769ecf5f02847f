-- Whether somebody whom the proxy names was here lately; at most once a minute it is noted that they are here again.
WITH seen AS (
    UPDATE audit.web_session SET seen_at = now()
    WHERE token_hash = %(token_hash)s AND method = 'proxy' AND expires_at > now()
        AND seen_at > now() - make_interval(secs => %(idle)s) AND seen_at < now() - make_interval(secs => 60)
    RETURNING 1)
SELECT FROM seen
UNION ALL
SELECT FROM audit.web_session
WHERE token_hash = %(token_hash)s AND method = 'proxy' AND expires_at > now() AND seen_at > now() - make_interval(secs => %(idle)s)
