-- Which cluster the database lives in: transaction ids start anew in each (docs/capture.md).
-- object: function audit.current_incarnation(): The number of the cluster, also of one that nobody has noted yet.

-- The control file tells. A cluster that is not noted yet has the next number: audit.note_incarnation gives it the same, so what
-- is captured before counts as after.
create or replace function audit.current_incarnation()
returns smallint
language sql stable
set search_path = pg_catalog, pg_temp
as $function$
  select coalesce(
    (select case when i.system_identifier = c.system_identifier then i.id else i.id + 1 end
     from audit.incarnation as i, pg_control_system() as c order by i.id desc limit 1),
    1)::smallint
$function$;

-- object: function audit.incarnation_here(): The same for the trigger functions, whose plans work it out once a session: a session never sees two clusters.
-- IMMUTABLE is what lets the planner do so; looking it up would be a sixth of what a one-row transaction costs (docs/decisions/0002).
create or replace function audit.incarnation_here()
returns smallint
language sql immutable
as $function$
  select audit.current_incarnation()
$function$;

-- object: function audit.note_incarnation(): Notes the cluster; returns the number of the cluster.
create or replace function audit.note_incarnation()
returns smallint
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_variable
declare
  number smallint := audit.current_incarnation();
begin
  insert into audit.incarnation (id, system_identifier)
  overriding system value
  select number, c.system_identifier from pg_control_system() as c
  where not exists (select from audit.incarnation as i where i.id = number)
  on conflict do nothing;
  return number;
end
$function$;

alter function audit.current_incarnation() owner to audit_owner;
alter function audit.incarnation_here() owner to audit_owner;
alter function audit.note_incarnation() owner to audit_owner;
revoke all on function audit.current_incarnation(), audit.incarnation_here(), audit.note_incarnation() from public;
grant execute on function audit.current_incarnation() to audit_capture, audit_reader;
grant execute on function audit.incarnation_here() to audit_capture;
