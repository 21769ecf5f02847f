SELECT value FROM audit.setting WHERE name = %(name)s
