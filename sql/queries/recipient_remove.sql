DELETE FROM audit.recipient WHERE id = %(id)s
