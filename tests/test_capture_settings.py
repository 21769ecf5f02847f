"""Whatever a session has set, the same change is logged byte for byte alike."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from capture.install import track_table

Connection = psycopg.Connection[Any]

SETTINGS = {
    "timezone": "set timezone = 'Asia/Kathmandu'",
    "datestyle": "set datestyle = 'German, DMY'",
    "datestyle_sql": "set datestyle = 'SQL, MDY'",
    "intervalstyle": "set intervalstyle = 'iso_8601'",
    "intervalstyle_sql": "set intervalstyle = 'sql_standard'",
    "bytea_output": "set bytea_output = 'escape'",
    "extra_float_digits": "set extra_float_digits = -15",
    "extra_float_digits_3": "set extra_float_digits = 3",
    "quote_all_identifiers": "set quote_all_identifiers = on",
    "lc_monetary": "set lc_monetary = 'C.UTF-8'",
    "lc_numeric": "set lc_numeric = 'C.UTF-8'",
    "lc_messages": "set lc_messages = 'C.UTF-8'",
    "search_path": "create schema evil; create type evil.mood as enum ('x'); set search_path = evil, public, pg_catalog",
    "search_path_temp": "create temporary table change (a int); create temporary table tracked_table (a int);"
    "set search_path = pg_temp, public",
    "jit": "set jit = on; set jit_above_cost = 0; set jit_inline_above_cost = 0; set jit_optimize_above_cost = 0",
    "plan_cache_mode": "set plan_cache_mode = force_custom_plan",
    "plan_cache_mode_generic": "set plan_cache_mode = force_generic_plan",
    "row_security": "set row_security = off",
    "work_mem": "set work_mem = '64kB'",
    "no_hash": "set enable_hashjoin = off; set enable_mergejoin = off; set enable_hashagg = off",
    "no_index": "set enable_indexscan = off; set enable_bitmapscan = off; set enable_nestloop = off; set enable_sort = off",
    "parallel": "set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0",
    "xmloption": "set xmloption = 'document'; set xmlbinary = 'hex'",
    "standard_conforming_strings": "set standard_conforming_strings = off; set escape_string_warning = off",
    "client_encoding": "set client_encoding = 'LATIN1'",
    "array_nulls": "set array_nulls = off",
    "transform_null_equals": "set transform_null_equals = on",
    "replica": "set session_replication_role = replica",
    "check_function_bodies": "set check_function_bodies = off; set default_tablespace = ''",
    "statement_timeout": "set statement_timeout = '1h'; set lock_timeout = '1h'",
    "default_isolation": "set default_transaction_isolation = 'serializable'",
    "role": "set role app_of_settings",
    "constraint_exclusion": "set constraint_exclusion = on; set cursor_tuple_fraction = 0.01",
    "plpgsql": "set plpgsql.variable_conflict = 'use_column'; set plpgsql.extra_errors = 'all'",
    "synchronize_seqscans": "set synchronize_seqscans = on; set default_statistics_target = 1",
    "application_name": "set application_name = ''",
    "debug": "set debug_print_plan = off; set client_min_messages = debug5",
}

COLUMNS = {
    "ts": ("timestamptz", "'2026-03-29 00:59:59.123456+00'"),
    "tss": ("timestamptz[]", "array['2026-03-29 00:59:59+00'::timestamptz, 'infinity']"),
    "d": ("date", "date '2026-02-03'"),
    "t": ("timetz", "'12:00:00+05:30'"),
    "i": ("interval", "'1 year 2 mons -3 days 04:05:06.789'"),
    "f": ("double precision", "0.1::float8 + 0.2"),
    "r": ("real", "1.1"),
    "fs": ("double precision[]", "array[0.1, 1e-300]::float8[]"),
    "b": ("bytea", "decode('00ff41', 'hex')"),
    "m": ("money", "1234.5::numeric::money"),
    "n": ("numeric", "1234567.8900"),
    "s": ("text", "'a' || chr(233) || chr(8220) || chr(128512)"),
    "j": ("jsonb", "jsonb_build_object('at', null, 'x', 1.10)"),
    "c": ("regclass", "'public.t'::regclass"),
    "rg": ("tstzrange", "tstzrange('2026-01-01 00:00+00', '2026-06-01 00:00+00')"),
    "p": ("point", "point(0.1, 0.2)"),
    "e": ("public.mood", "'sad'"),
    "co": ("public.pair", "row(0.1, '2026-03-29 00:59:59+00')::public.pair"),
    "ar": ("text[]", "array[null, 'NULL', 'a']"),
}


@pytest.fixture
def t(conn: Connection) -> Connection:
    """Give a table of the types whose text depends on settings, and a role that may write it."""
    conn.execute(
        "create type mood as enum ('sad', 'glad'); create type pair as (x float8, at timestamptz);"
        "do $$ begin create role app_of_settings; exception when duplicate_object or unique_violation then null; end $$"
    )
    conn.execute(
        f"create table t (id integer primary key, {', '.join(f'{name} {kind}' for name, (kind, _) in COLUMNS.items())})"
    )
    track_table(conn, "public.t")
    conn.execute("grant usage on schema public to app_of_settings; grant all on t to app_of_settings")
    return conn


def written(conn: Connection, rows: int) -> list[tuple[Any, ...]]:
    """Insert, update to the values, and delete so many rows; return the text of what was logged, in bytes."""
    assignments = ", ".join(f"{name} = {value}" for name, (_, value) in COLUMNS.items())
    # As the server's own settings read the literals: only capture is under test.
    conn.execute("insert into public.t (id) select pg_catalog.generate_series(1, %s)", (rows,))
    conn.execute(f"update public.t set {assignments}")
    conn.execute("delete from public.t")
    conn.execute("reset all")
    conn.execute("reset role")
    found = conn.execute(
        "select operation::text, key::text, convert_to(coalesce(old::text, '-'), 'UTF8'), convert_to(coalesce(new::text, '-'), 'UTF8')"
        " from audit.change order by operation, (key ->> 'id')::integer"
    ).fetchall()
    conn.execute("truncate audit.change, audit.transaction")
    return found


@pytest.mark.parametrize("rows", [1, 60])
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_the_same_change_is_logged_alike(t: Connection, setting: str, rows: int) -> None:
    """At least 20 settings times 19 types, one row and many."""
    expected = written(t, rows)
    assert len(expected) == 3 * rows
    t.execute(setting)
    assert written(t, rows) == expected
