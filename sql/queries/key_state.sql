-- Whether a key is there, and whether it is valid.
select exists (select from audit.signing_key as k where k.id = %(id)s),
  exists (select from audit.signing_key as k where k.id = %(id)s and k.until is null)
