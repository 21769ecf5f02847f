SELECT digest_id, address, state, tries, not_before, answer, sent_at,
    coalesce(leased_until > clock_timestamp(), false) AS under_way
FROM audit.delivery
WHERE digest_id = ANY (%(ids)s)
ORDER BY digest_id, address
