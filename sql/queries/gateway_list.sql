-- What was trusted before times were kept has no beginning.
select role, case when isfinite(since) then since end, until from audit.gateway order by until desc nulls first, role
