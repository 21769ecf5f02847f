-- The trigger functions of tables whose writes go through when they cannot be logged (docs/decisions/0004).
-- made from: capture.sql truncate.sql
-- object: function audit.capture_available(): Trigger function: audit.capture() for an available table, whose write goes through when it cannot be logged.
-- object: function audit.capture_truncate_available(): Trigger function: audit.capture_truncate() for an available table, whose write goes through when it cannot be logged.

-- Only the trigger function itself sees the rows of its statement, so each of them is the strict one with another end.
do $make$
declare
  made text[];
  ending constant text := $ending$
exception when others then
  declare
    most constant bigint := 1000;
    state text;
    said text;
    reason text;
    probe record;
    unreadable text[] := '{}';
    missing text[];
    watched audit.tracked_table;
    before_source text := case when tg_op in ('UPDATE', 'DELETE') then 'old_rows' end;
    after_source text := case when tg_op in ('INSERT', 'UPDATE') then 'new_rows' end;
    place text[];
    kind "char" := left(tg_op, 1);
    old_image jsonb;
    new_image jsonb;
    rows_before bigint;
    rows_after bigint;
    stored boolean := false;
  begin
    get stacked diagnostics state = returned_sqlstate, said = message_text;
    if audit.passes_on(state) then
      raise;
    end if;
    begin
      if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        perform audit.check_snapshot(tg_relid, tg_name);
      end if;
      watched := audit.config_of(tg_relid);
      if watched.id is null then
        return null;
      end if;
      watched := audit.config_now(watched);
      if tg_op = 'TRUNCATE' then
        place := audit.partition_path(tg_relid);
        if tg_when = 'BEFORE' then
          -- What may not be read is not logged; the trigger after it says that the table was emptied.
          if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') or not audit.can_read(tg_relid) then
            return null;
          end if;
          kind := 'D';
          before_source := format('only %I.%I', tg_table_schema, tg_table_name);
        end if;
      end if;
      if before_source is not null then
        execute 'select count(*) from ' || before_source into rows_before;
      end if;
      if after_source is not null then
        execute 'select count(*) from ' || after_source into rows_after;
      end if;
      if greatest(rows_before, rows_after) = 0 then
        return null;
      end if;

      -- Not beyond a number of rows, not those that an UPDATE lost on their way to another partition, which cannot be paired, and not
      -- those of an emptied partition, whose rows carry its name.
      if greatest(rows_before, rows_after) <= most and coalesce(rows_before = rows_after, true) and place is null then
        begin
          for probe in select p.attname, p.statement from audit.column_probes(tg_relid, before_source, after_source) as p loop
            begin
              execute probe.statement;
            exception when others then
              if audit.passes_on(sqlstate) then
                raise;
              end if;
              unreadable := unreadable || probe.attname;
              reason := coalesce(reason, sqlerrm);
            end;
          end loop;
          -- A message may quote the value that it is about.
          if unreadable && watched.masked or reason is null and watched.masked <> '{}' then
            said := null;
          end if;
          said := coalesce(case when said is not null then reason end, said);
          if unreadable = '{}' then
            -- Each can be read, all together cannot be stored: what names the row may be.
            unreadable := array(
              select r.attname from audit.column_readings(tg_relid) as r
              where r.attname <> all (coalesce(watched.key_columns, '{}') || watched.about || coalesce(watched.parent_columns, '{}')
                || coalesce(watched.account_column, '')));
          end if;
          for old_image, new_image in execute audit.partial_statement(tg_relid, before_source, after_source, unreadable) loop
            stored := audit.write_row(audit.config_without(watched, unreadable), kind, old_image, new_image) or stored;
          end loop;
          missing := array(select k from unnest(unreadable) as k where k <> all (watched.ignored || watched.masked));
          if stored and missing <> '{}' then
            perform audit.write_degraded(watched, kind, greatest(rows_before, rows_after), state, said, missing, place);
          elsif stored then
            stored := audit.write_transaction();
          end if;
          return null;
        exception when others then
          if audit.passes_on(sqlstate) then
            raise;
          end if;
        end;
      end if;
      if watched.masked <> '{}' and reason is null then
        said := null;
      end if;
      perform audit.write_degraded(watched, kind, greatest(rows_before, rows_after), state, said, null, place);
      return null;
    exception when others then
      if not audit.log_is_unusable(sqlstate) then
        raise;
      end if;
      raise warning 'a write of table % is not in the log, which cannot be written: %', tg_relid::regclass, sqlerrm
        using errcode = sqlstate, hint = 'Run  whochanged status  and  whochanged install.';
    end;
    begin
      perform nextval('audit.unrecorded');
    exception when insufficient_privilege or undefined_table then
      raise warning 'nor can it be counted: %', sqlerrm;
    end;
    return null;
  end;
end
$function$$ending$;
begin
  foreach made slice 1 in array array[
    ['audit.capture()', 'audit.capture_available()'], ['audit.capture_truncate()', 'audit.capture_truncate_available()']]
  loop
    execute pg_catalog.replace(
      pg_catalog.replace(pg_catalog.pg_get_functiondef(made[1]::pg_catalog.regprocedure), made[1], made[2]),
      e'\nend\n$function$', ending);
  end loop;
end
$make$;
