UPDATE audit.web_user SET password_hash = %(password_hash)s WHERE id = %(id)s
