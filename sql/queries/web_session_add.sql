INSERT INTO audit.web_session (token_hash, subject, method, user_id, viewer, address, expires_at)
VALUES (%(token_hash)s, %(subject)s, %(method)s, %(user_id)s, %(viewer)s, %(address)s, now() + make_interval(secs => %(seconds)s))
