select id, since, until from audit.signing_key order by until desc nulls first, since, id
