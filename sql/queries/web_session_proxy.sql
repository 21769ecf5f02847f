-- Somebody whom the proxy names is here, for the first time after a while; of two requests at once, one notes it.
INSERT INTO audit.web_session AS s (token_hash, subject, method, address, expires_at)
VALUES (%(token_hash)s, %(subject)s, 'proxy', %(address)s, now() + make_interval(secs => %(seconds)s))
ON CONFLICT (token_hash) DO UPDATE
SET address = excluded.address, started_at = now(), seen_at = now(), expires_at = excluded.expires_at
WHERE s.expires_at <= now() OR s.seen_at <= now() - make_interval(secs => %(idle)s)
