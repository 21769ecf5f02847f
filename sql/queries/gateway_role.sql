-- Whether a role is there, and whether its word about the actor is taken.
select exists (select from pg_catalog.pg_roles as r where r.rolname = %(role)s),
  exists (select from audit.gateway as g where g.role = %(role)s and g.until is null)
