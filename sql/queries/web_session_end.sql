DELETE FROM audit.web_session WHERE token_hash = %(token_hash)s
