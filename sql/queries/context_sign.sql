-- What a signature is bound to: it is worth nothing in any other transaction.
select c.system_identifier, cast(pg_catalog.pg_current_xact_id() as text) from pg_catalog.pg_control_system() as c
