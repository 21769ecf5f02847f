-- What the index of entries has of what is gone.
with names as (delete from audit.entry_name as n where n.at < %(before)s returning 1),
  tallies as (delete from audit.entry_tally as t where t.day < (%(before)s::timestamptz at time zone 'UTC')::date returning 1),
  sums as (delete from audit.entry_sum as s where s.day < (%(before)s::timestamptz at time zone 'UTC')::date returning 1),
  terms as (delete from audit.entry_term as t where t.period < date_trunc('month', %(before)s::timestamptz at time zone 'UTC')::date returning 1),
  days as (delete from audit.entry_day as d where d.day < (%(before)s::timestamptz at time zone 'UTC')::date returning 1)
select (select count(*) from names) + (select count(*) from tallies) + (select count(*) from sums) + (select count(*) from terms) + (select count(*) from days)
