-- More refused sign-ins of the same kind within the hour.
UPDATE audit.access SET attempts = %(attempts)s
WHERE id = (
    SELECT max(id) FROM audit.access
    WHERE kind = 'refused' AND at >= %(since)s AND name IS NOT DISTINCT FROM %(name)s AND address IS NOT DISTINCT FROM %(address)s)
