-- What audit.track() needs to know of a table.
-- object: function audit.check_trackable(regclass): Refuses what triggers cannot watch, and says what to do instead.
-- object: function audit.find_key(regclass): Columns of the primary key, else of the first unique index without NULLs; NULL without any.
-- object: function audit.secret_columns(regclass, text[]): Columns whose names look like secrets, key columns excepted.

create or replace function audit.check_trackable(relation regclass)
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  found_kind "char";
  persistence "char";
  space text;
  is_leaf boolean;
begin
  select c.relkind, c.relpersistence, n.nspname, c.relispartition into found_kind, persistence, space, is_leaf
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where c.oid = relation;
  if found_kind is null then
    raise exception 'there is no such table' using errcode = 'undefined_table';
  elsif found_kind in ('v', 'm') then
    raise exception '% is a view: track the tables under it', relation using errcode = 'wrong_object_type';
  elsif found_kind = 'f' then
    raise exception '% is a foreign table: track it in its own database', relation using errcode = 'wrong_object_type';
  elsif found_kind not in ('r', 'p') then
    raise exception '% is no table: only tables can be tracked', relation using errcode = 'wrong_object_type';
  elsif persistence = 't' then
    raise exception '% is temporary: only lasting tables can be tracked', relation using errcode = 'wrong_object_type';
  elsif space in ('pg_catalog', 'information_schema', 'pg_toast')
    or space = 'audit' and not (relation = any (array['audit.recipient', 'audit.setting', 'audit.purge', 'audit.schema_change',
      'audit.gateway', 'audit.signing_key', 'audit.rebase', 'audit.web_user', 'audit.web_token', 'audit.access']::regclass[])) then
    raise exception '% belongs to the system or to the log: track your own tables', relation using errcode = 'wrong_object_type';
  elsif exists (
    select from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
    where relation in (i.inhrelid, i.inhparent) and not c.relispartition)
  then
    raise exception '% takes part in plain inheritance, which triggers cannot watch as a whole', relation
      using errcode = 'wrong_object_type', hint = 'Make it a partitioned table, or end the inheritance: ALTER TABLE ... NO INHERIT.';
  elsif is_leaf then
    raise exception '% is a partition: track its root % instead', relation, pg_partition_root(relation)
      using errcode = 'wrong_object_type';
  end if;
end
$function$;

create or replace function audit.find_key(relation regclass)
returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select array(
    select a.attname::text
    from unnest(i.indkey::int2[]) with ordinality as k(number, place)
    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number
    where k.place <= i.indnkeyatts
    order by k.place)
  from pg_index as i
  where i.indrelid = relation and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
    and not exists (
      select from unnest(i.indkey::int2[]) with ordinality as k(number, place)
      join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number
      where k.place <= i.indnkeyatts and not a.attnotnull)
  order by i.indisprimary desc, i.indexrelid
  limit 1
$function$;

create or replace function audit.secret_columns(relation regclass, keys text[])
returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select array(
    select a.attname::text
    from pg_attribute as a
    where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
      and audit.looks_secret(a.attname)
      and a.attname <> all (coalesce(keys, '{}'))
    order by a.attnum)
$function$;

alter function audit.check_trackable(regclass) owner to audit_owner;
alter function audit.find_key(regclass) owner to audit_owner;
alter function audit.secret_columns(regclass, text[]) owner to audit_owner;
revoke all on function audit.check_trackable(regclass), audit.find_key(regclass), audit.secret_columns(regclass, text[]) from public;
