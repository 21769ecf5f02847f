-- What the server denies to this recipient is given up, unless somebody has tried it again since.
UPDATE audit.delivery SET state = 'parked'
WHERE digest_id = %(digest_id)s AND address = %(address)s AND state = 'retry' AND tries = %(tries)s AND lease IS NULL
