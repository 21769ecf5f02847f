-- Takes one try out of a bucket that fills again with time; no row where none is left.
INSERT INTO audit.web_attempt AS a (bucket, tokens, at) VALUES (%(bucket)s, %(size)s::float8 - 1, now())
ON CONFLICT (bucket) DO UPDATE
SET tokens = least(%(size)s::float8, a.tokens + extract(epoch FROM greatest(now() - a.at, '0')) / %(refill)s::float8) - 1, at = now()
WHERE least(%(size)s::float8, a.tokens + extract(epoch FROM greatest(now() - a.at, '0')) / %(refill)s::float8) >= 1
RETURNING tokens
