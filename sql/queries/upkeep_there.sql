-- Whether the newest of what the upkeep is read from is there: a log of an older version lacks it.
select 1 from pg_catalog.pg_attribute as a
where a.attrelid = pg_catalog.to_regclass('audit.recipient') and a.attname = 'bounced_at' and not a.attisdropped
