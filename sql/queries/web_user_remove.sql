DELETE FROM audit.web_user WHERE id = %(id)s
