SELECT id, name, full_name, role, accounts, may_export, timezone, disabled, added_at, password_set_at, password_hash
FROM audit.web_user WHERE %(name)s::text IS NULL OR lower(name) = lower(%(name)s) ORDER BY lower(name)
