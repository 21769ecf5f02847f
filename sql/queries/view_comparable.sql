-- Whether a temporary view may be made: by right, and not on a standby or in a read-only transaction.
select pg_catalog.has_database_privilege(pg_catalog.current_database(), 'temporary')
  and pg_catalog.current_setting('transaction_read_only') = 'off'
