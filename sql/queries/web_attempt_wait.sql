-- Seconds until a bucket has a try again.
SELECT ceil(greatest(0, (1 - a.tokens) * %(refill)s::float8 - extract(epoch FROM now() - a.at)))::integer
FROM audit.web_attempt AS a WHERE a.bucket = %(bucket)s
