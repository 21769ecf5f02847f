-- When the day of a moment was removed, and how many days were kept then.
select p.at, p.retention_days from audit.purge as p
where (%(at)s::timestamptz at time zone 'UTC')::date between p.first_day and p.last_day
order by p.at limit 1
