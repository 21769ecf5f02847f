-- A session that is neither over nor idle nor older than the password; the account of a local one as it is now.
SELECT s.subject, s.method, s.viewer, u.id, u.name, u.full_name, u.role, u.accounts, u.may_export, u.timezone,
    s.seen_at < now() - make_interval(secs => 60)
FROM audit.web_session AS s
LEFT JOIN audit.web_user AS u ON u.id = s.user_id
WHERE s.token_hash = %(token_hash)s AND s.method = ANY (%(methods)s)
    AND s.expires_at > now() AND s.seen_at > now() - make_interval(secs => %(idle)s)
    AND (s.user_id IS NULL OR NOT u.disabled AND s.started_at >= u.password_set_at)
