SELECT id, name, scopes, accounts, coalesce(last_used_at < now() - make_interval(secs => 60), true)
FROM audit.web_token WHERE token_hash = %(token_hash)s AND revoked_at IS NULL AND expires_at > now()
