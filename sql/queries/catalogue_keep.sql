INSERT INTO audit.catalogue (content) VALUES (%(catalogue)s)
ON CONFLICT (one) DO UPDATE SET content = excluded.content
