SELECT id, name, scopes, accounts, added_at, expires_at, last_used_at, revoked_at
FROM audit.web_token ORDER BY revoked_at DESC NULLS FIRST, lower(name)
