-- Whether all that the upkeep is read from is there: a log of an older version lacks some.
select 1 from pg_catalog.pg_attribute as a
where a.attrelid = pg_catalog.to_regclass('audit.recipient') and a.attname = 'bounced_at' and not a.attisdropped
  and pg_catalog.to_regclass('audit.job_run') is not null
