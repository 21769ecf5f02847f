"""The embedded server: real PostgreSQL, started and stopped by us."""

from __future__ import annotations

import psycopg

from tests.fix_postgres import TestServer


def test_the_server_is_of_the_version_that_was_asked_for(server: TestServer, empty_dsn: str) -> None:
    """Each version of the suite is really that version."""
    with psycopg.connect(empty_dsn) as conn:
        assert server.version == conn.info.server_version // 10000
