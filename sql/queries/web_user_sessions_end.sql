DELETE FROM audit.web_session WHERE user_id = %(id)s
