INSERT INTO audit.web_user (name, full_name, role, accounts, may_export, timezone, password_hash)
VALUES (%(name)s, %(full_name)s, %(role)s, %(accounts)s, %(may_export)s, %(timezone)s, %(password_hash)s)
