"""The fixtures are plug-ins beside this file, one for each concern."""

from __future__ import annotations

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_smtp",
    "tests.fix_digests",
    "tests.fix_replication",
    "tests.fix_actors",
    "tests.fix_ddl",
    "tests.fix_http",
    "tests.fix_logs",
    "tests.fix_web",
    "tests.fix_browser",
    "tests.fix_page",
]
