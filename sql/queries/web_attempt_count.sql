-- Counts upwards: what was refused within an hour.
INSERT INTO audit.web_attempt AS a (bucket, tokens) VALUES (%(bucket)s, 1)
ON CONFLICT (bucket) DO UPDATE SET tokens = a.tokens + 1, at = now()
RETURNING tokens::bigint
