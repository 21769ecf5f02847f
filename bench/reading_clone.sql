-- One day's rows once more, so many days earlier: log and index alike.
CREATE FUNCTION bench.clone(day date, back integer) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    ago interval := make_interval(hours => 24 * back);
    first timestamptz := day::timestamp AT TIME ZONE 'UTC';
    past timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    PERFORM audit.make_partition('transaction', day - back), audit.make_partition('change', day - back), audit.make_partition('entry', day - back);
    INSERT INTO audit.transaction (at, transaction_id, setting_key, incarnation, actor, context, database_user, role, application, client_addr, backend_pid)
    SELECT at - ago, transaction_id, setting_key, incarnation, actor, context, database_user, role, application, client_addr, backend_pid
    FROM audit.transaction WHERE at >= first AND at < past ORDER BY at;
    INSERT INTO audit.change (at, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account)
    SELECT at - ago, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account
    FROM audit.change WHERE at >= first AND at < past ORDER BY at, id;
    DELETE FROM audit.entry WHERE at >= first - ago AND at < past - ago;
    INSERT INTO audit.entry (at, transaction_id, last_id, place, terms)
    SELECT at - ago, transaction_id, 0, place, terms FROM audit.entry WHERE at >= first AND at < past ORDER BY at;
    DELETE FROM audit.entry_tally AS t WHERE t.day = clone.day - back;
    INSERT INTO audit.entry_tally SELECT t.day - back, module, type, entity, actor, actor_kind, account, former_account, sensitivity, entries
    FROM audit.entry_tally AS t WHERE t.day = clone.day;
    INSERT INTO audit.entry_day SELECT d.day - back, words, entries, 0 FROM audit.entry_day AS d WHERE d.day = clone.day
    ON CONFLICT ON CONSTRAINT entry_day_pkey DO UPDATE SET words = excluded.words, entries = excluded.entries;
END
$f$;
