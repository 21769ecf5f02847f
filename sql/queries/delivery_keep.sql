INSERT INTO audit.delivery (digest_id, address, not_before) VALUES (%(digest_id)s, %(address)s, %(cut_at)s)
