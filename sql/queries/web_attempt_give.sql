-- A right password costs no try.
UPDATE audit.web_attempt SET tokens = least(%(size)s::float8, tokens + 1) WHERE bucket = %(bucket)s
