-- The tables that every contender watches: one of 12 columns, one of 100, and one with a large value.
create table item (
  id bigint primary key, account_id bigint not null, name text not null, description text, kind text not null,
  position integer not null, enabled boolean not null, amount numeric(12,2), config jsonb not null, tags text[] not null,
  created_at timestamptz not null, updated_at timestamptz not null);

do $body$
begin
  execute 'create table wide (id bigint primary key, '
    || (select string_agg(format('c%s text not null', n), ', ' order by n) from generate_series(1, 99) as n) || ')';
end
$body$;

create table heavy (id bigint primary key, position integer not null, document jsonb not null);
