INSERT INTO audit.setting (name, value) VALUES ('catalogue', %(catalogue)s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
