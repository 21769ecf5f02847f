-- A secret that is gone cannot be stolen any more.
with retired as (
  delete from audit.signing_secret where key = %(id)s)
update audit.signing_key set until = now() where id = %(id)s and until is null
