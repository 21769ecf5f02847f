-- The least that a statement trigger can do which compares the two images of a row and keeps what it finds: it reads the images and
-- writes two rows that never differ, into tables like those of the log. What our trigger costs beyond it is our own.
create table bench.floor_change (like audit.change including indexes including identity);
create table bench.floor_transaction (like audit.transaction including indexes including identity);

create function bench.floor()
returns trigger
language plpgsql
as $function$
declare
  before_image jsonb;
  after_image jsonb;
begin
  select to_jsonb(o.*), to_jsonb(n.*) into before_image, after_image from old_rows as o, new_rows as n;
  insert into bench.floor_change (at, transaction_id, table_id, operation, key, old, new)
  values (now(), pg_current_xact_id(), 1, 'U', '{"id": 1}', '{"position": 1}', '{"position": 2}');
  insert into bench.floor_transaction (at, transaction_id, setting_key, incarnation, database_user)
  values (now(), pg_current_xact_id(), '', 1, session_user) on conflict do nothing;
  return null;
end
$function$;

create trigger floor after update on bench.floor
  referencing old table as old_rows new table as new_rows for each statement execute function bench.floor();
