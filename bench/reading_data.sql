-- A long log out of one played day: its transactions again and again, for other entities, accounts and people.
-- Few entities change often, and most seldom; a third of the people make most of the changes.
CREATE SCHEMA IF NOT EXISTS bench;
CREATE TABLE bench.played AS
SELECT dense_rank() OVER (ORDER BY t.at, t.transaction_id) - 1 AS n, t.*
FROM audit.transaction AS t WHERE t.actor IS NOT NULL OR t.database_user <> 'postgres';
CREATE TABLE bench.written AS
SELECT p.n, c.* FROM audit.change AS c
JOIN (SELECT DISTINCT n, at, transaction_id FROM bench.played) AS p USING (at, transaction_id);
DELETE FROM bench.written AS w WHERE w.n IN (SELECT n FROM bench.written GROUP BY n HAVING count(*) > 20);
DELETE FROM bench.played AS p WHERE NOT EXISTS (SELECT FROM bench.written AS w WHERE w.n = p.n)
    OR p.id <> (SELECT min(o.id) FROM bench.played AS o WHERE o.n = p.n);
CREATE TABLE bench.template AS SELECT row_number() OVER (ORDER BY n) - 1 AS place, n FROM (SELECT DISTINCT n FROM bench.played) AS d;

CREATE FUNCTION bench.other(image jsonb, copy bigint) RETURNS jsonb LANGUAGE sql STABLE AS $f$
    SELECT image
        || CASE WHEN jsonb_typeof(image -> 'id') = 'number' THEN jsonb_build_object('id', (image ->> 'id')::bigint + 1000 * copy) ELSE '{}' END
        || CASE WHEN jsonb_typeof(image -> 'name') = 'string' THEN jsonb_build_object('name', (image ->> 'name') || ' ' || copy) ELSE '{}' END
$f$;

-- What the registry knows of the other entities, as it would had they been made.
INSERT INTO audit.entity (table_id, key, about, root_table_id, root_key, account, deleted_at)
SELECT e.table_id, bench.other(e.key, g), bench.other(e.about, g), e.root_table_id, bench.other(e.root_key, g),
    CASE WHEN e.account IS NOT NULL THEN (1 + g % 200)::text END, e.deleted_at
FROM audit.entity AS e CROSS JOIN generate_series(1, 20000) AS g WHERE jsonb_typeof(e.key -> 'id') = 'number'
ON CONFLICT DO NOTHING;

-- So many transactions in the last three hours of a day.
CREATE FUNCTION bench.fill(day date, transactions integer) RETURNS bigint LANGUAGE plpgsql AS $f$
DECLARE
    templates bigint := (SELECT count(*) FROM bench.template);
    added bigint;
BEGIN
    PERFORM audit.make_partition('transaction', day), audit.make_partition('change', day);
    CREATE TEMPORARY TABLE planned ON COMMIT DROP AS
    SELECT day::timestamp AT TIME ZONE 'UTC' + make_interval(hours => 21, secs => g * (10790.0 / transactions)) AS at,
        (3 + g % 500)::text::xid8 AS transaction_id, t.n,
        (power(random(), 3) * 20000)::bigint AS copy, 'Person ' || lpad((power(random(), 2) * 400)::integer::text, 3, '0') AS person
    FROM generate_series(1, transactions) AS g
    JOIN bench.template AS t ON t.place = (hashint4(g + (day - date '2000-01-01')) & 2147483647) % templates;
    INSERT INTO audit.transaction (at, transaction_id, setting_key, incarnation, actor, context, database_user, role, application, client_addr, backend_pid)
    SELECT w.at, w.transaction_id, p.setting_key, p.incarnation, CASE WHEN p.actor IS NOT NULL THEN w.person END, p.context,
        p.database_user, p.role, p.application, p.client_addr, p.backend_pid
    FROM planned AS w JOIN bench.played AS p ON p.n = w.n ORDER BY w.at;
    INSERT INTO audit.change (at, transaction_id, table_id, operation, key, old, new, about, root_table_id, root_key, account)
    SELECT w.at, w.transaction_id, c.table_id, c.operation, bench.other(c.key, w.copy), bench.other(c.old, w.copy), bench.other(c.new, w.copy),
        bench.other(c.about, w.copy), c.root_table_id, bench.other(c.root_key, w.copy), CASE WHEN c.account IS NOT NULL THEN (1 + w.copy % 200)::text END
    FROM planned AS w JOIN bench.written AS c ON c.n = w.n ORDER BY w.at, c.id;
    GET DIAGNOSTICS added = ROW_COUNT;
    DROP TABLE planned;
    RETURN added;
END
$f$;
