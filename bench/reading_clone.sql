-- The last three hours of a day once more, so many times three hours earlier: log and index alike.
CREATE FUNCTION bench.clone(day date, back integer) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    ago interval := make_interval(hours => 3 * back);
    first timestamptz := day::timestamp AT TIME ZONE 'UTC' + interval '21 hours';
    past timestamptz := first + interval '3 hours';
    there date := (first - ago) AT TIME ZONE 'UTC';
BEGIN
    PERFORM audit.make_partition('transaction', there), audit.make_partition('change', there), audit.make_partition('entry', there);
    INSERT INTO audit.transaction (at, transaction_id, setting_key, incarnation, actor, context, database_user, role, application, client_addr, backend_pid)
    SELECT at - ago, transaction_id, setting_key, incarnation, actor, context, database_user, role, application, client_addr, backend_pid
    FROM audit.transaction WHERE at >= first AND at < past ORDER BY at;
    INSERT INTO audit.change (at, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account)
    SELECT at - ago, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account
    FROM audit.change WHERE at >= first AND at < past ORDER BY at, id;
    INSERT INTO audit.entry (at, transaction_id, last_id, place, terms)
    SELECT at - ago, transaction_id, 0, place, terms FROM audit.entry WHERE at >= first AND at < past ORDER BY at;
END
$f$;

-- The tallies of as many days, each of eight times three hours.
CREATE FUNCTION bench.tally(day date, days integer) RETURNS void LANGUAGE sql AS $f$
    UPDATE audit.entry_tally AS t SET entries = 8 * entries WHERE t.day = tally.day;
    DELETE FROM audit.entry_tally AS t WHERE t.day < tally.day AND t.day > tally.day - days;
    INSERT INTO audit.entry_tally SELECT t.day - back, module, type, entity, actor, actor_kind, account, former_account, sensitivity, entries
    FROM audit.entry_tally AS t CROSS JOIN generate_series(1, days - 1) AS back WHERE t.day = tally.day;
    UPDATE audit.entry_sum AS s SET entries = 8 * entries WHERE s.day = tally.day;
    DELETE FROM audit.entry_sum AS s WHERE s.day < tally.day AND s.day > tally.day - days;
    INSERT INTO audit.entry_sum SELECT s.day - back, what, name, other, entries
    FROM audit.entry_sum AS s CROSS JOIN generate_series(1, days - 1) AS back WHERE s.day = tally.day;
    INSERT INTO audit.entry_day SELECT d.day - back, words, 8 * entries, 0
    FROM audit.entry_day AS d CROSS JOIN generate_series(1, days - 1) AS back WHERE d.day = tally.day
    ON CONFLICT (day) DO UPDATE SET words = excluded.words, entries = excluded.entries;
$f$;
