UPDATE audit.web_user SET disabled = %(disabled)s WHERE id = %(id)s AND disabled <> %(disabled)s
