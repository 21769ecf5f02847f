DELETE FROM audit.web_attempt WHERE bucket = %(bucket)s
