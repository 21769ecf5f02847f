-- Tables by their plain names, so that names with capitals and blanks need no quotes.
select audit.track(
  relation => coalesce(
    (select c.oid from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where n.nspname || '.' || c.relname = %(relation)s::text and c.relkind <> 'i' limit 1),
    %(relation)s::text::pg_catalog.regclass),
  key_columns => %(key_columns)s::text[],
  ignored => %(ignored)s::text[],
  masked => %(masked)s::text[],
  about => %(about)s::text[],
  label_column => %(label_column)s::text,
  account_column => %(account_column)s::text,
  parent_table => case when %(parent_table)s::text is not null then coalesce(
    (select c.oid from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where n.nspname || '.' || c.relname = %(parent_table)s::text and c.relkind <> 'i' limit 1),
    %(parent_table)s::text::pg_catalog.regclass) end,
  parent_columns => %(parent_columns)s::text[],
  kind => %(kind)s::text,
  registered => %(registered)s::boolean,
  failure => %(failure)s::text)
