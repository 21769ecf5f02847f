SELECT value FROM audit.setting WHERE name = 'catalogue'
