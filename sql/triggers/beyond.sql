-- What the index of entries does not know yet.
-- object: function audit.transactions_from(smallint, xid8, integer): The transactions from a watermark on, newest first.

-- One plan for any number, made once a session: of 104 partitions to plan anew for each page would take longer than to look into all of
-- them. With plans by index alone, for a plan for any number must think that a third of the log is beyond it.
create or replace function audit.transactions_from(incarnation smallint, xid xid8, most integer)
returns table (at timestamptz, id bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set max_parallel_workers_per_gather = 0
set jit = off
as $function$
#variable_conflict use_column
declare
  -- In another cluster numbers began anew: there none of them leaves anything out.
  v_lowest xid8 := case when (select max(i.id) from audit.incarnation as i) = $1 then $2 else '0'::xid8 end;
begin
  return query
    select distinct t.at, t.transaction_id::text::bigint
    from (
        select p.at, p.transaction_id, p.incarnation from audit.transaction as p where p.transaction_id >= v_lowest
        union all
        select p.at, p.transaction_id, p.incarnation from audit.transaction_spill as p where p.transaction_id >= v_lowest) as t
    where t.incarnation > $1 or t.incarnation = $1 and t.transaction_id >= $2
    order by 1 desc, 2 desc
    limit $3;
end
$function$;

alter function audit.transactions_from(smallint, xid8, integer) owner to audit_owner;
revoke all on function audit.transactions_from(smallint, xid8, integer) from public;
grant execute on function audit.transactions_from(smallint, xid8, integer) to audit_reader;
