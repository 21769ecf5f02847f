-- The least that a statement trigger can do which compares the two images of a row and keeps what it finds: it reads the images and
-- writes two rows that never differ, into tables like those of the log. What our trigger costs beyond it is our own.
create function public.constant_rows()
returns trigger
language plpgsql
as $function$
declare
  before_image jsonb;
  after_image jsonb;
begin
  select to_jsonb(o.*), to_jsonb(n.*) into before_image, after_image from old_rows as o, new_rows as n;
  insert into audit.change (at, transaction_id, table_id, operation, key, old, new)
  values (now(), pg_current_xact_id(), 1, 'U', '{"id": 1}', '{"position": 1}', '{"position": 2}');
  insert into audit.transaction (at, transaction_id, setting_key, incarnation, database_user)
  values (now(), pg_current_xact_id(), '', 1, session_user) on conflict do nothing;
  return null;
end
$function$;

create trigger constant_rows after update on public.item
  referencing old table as old_rows new table as new_rows for each statement execute function public.constant_rows();
