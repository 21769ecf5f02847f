UPDATE audit.web_user SET password_hash = %(password_hash)s, password_set_at = now() WHERE id = %(id)s
