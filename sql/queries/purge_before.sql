-- The UTC midnight before which everything is older than the retention, by the clock of the database.
-- Hours, for a day interval follows the daylight saving of the session's zone.
select pg_catalog.date_trunc('day', pg_catalog.now() - pg_catalog.make_interval(hours => 24 * %(days)s), 'UTC')
