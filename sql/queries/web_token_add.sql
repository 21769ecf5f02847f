INSERT INTO audit.web_token (name, token_hash, scopes, accounts, expires_at)
VALUES (%(name)s, %(token_hash)s, %(scopes)s, %(accounts)s, now() + make_interval(days => %(days)s))
