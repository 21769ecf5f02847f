UPDATE audit.web_token SET revoked_at = now() WHERE lower(name) = lower(%(name)s) AND revoked_at IS NULL
