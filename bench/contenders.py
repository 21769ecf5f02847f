"""Who is measured: the bare tables, the floors, this log, and its peers, each in a database of its own on one server."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

HERE = Path(__file__).parent
SQL = HERE / "sql"
PEERS = HERE / "peers"
ENVIRONMENT = HERE.parent / ".venv" / "peers"
REQUIREMENTS = HERE.parent / "requirements" / "peers.txt"
TABLES = ("item", "wide", "heavy")
DAYS = 103
"""Partitions beyond today's: as many as a log of 90 days has, 14 days ahead."""

Connection = psycopg.Connection[Any]
Ours = Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to watch the tables. `before` is sent with each one-row statement, as its library does for the actor.

    `json` tells whether it keeps JSON of any table, rather than a typed copy of each; `log` names the tables that it writes,
    as a pattern of LIKE over 'schema.table'.
    """

    key: str
    title: str
    log: str
    install: Ours | None = None
    peer: tuple[str, ...] = ()
    before: str = ""
    json: bool = True
    one_row_only: bool = False
    bulk_only: bool = False


def _log(conn: Connection, *tables: str) -> None:
    from capture.install import install, track_table
    from capture.partitions import make_ahead

    install(conn)
    for table in tables:
        track_table(conn, f"public.{table}")
    make_ahead(conn, DAYS)


def _ours(conn: Connection) -> None:
    _log(conn, *TABLES)


def _constant_rows(conn: Connection) -> None:
    _log(conn)
    conn.execute((SQL / "floor.sql").read_bytes())


def _nothing(conn: Connection) -> None:
    conn.execute((SQL / "nothing.sql").read_bytes())


_SET_OURS = "SELECT set_config('audit.actor', 'Ana Admin', true)\\; "
_SET_PGHISTORY = (
    "SELECT set_config('pghistory.context_id', '018f0000-0000-7000-8000-000000000000', true), "
    """set_config('pghistory.context_metadata', '{"user": 1, "url": "/rules"}', true)\\; """
)

CONTENDERS = (
    Contender("bare", "no trigger", ""),
    Contender("nothing", "a trigger that does nothing", "", _nothing, one_row_only=True),
    Contender("constant", "a trigger that writes constant rows", "audit.%", _constant_rows, one_row_only=True),
    Contender("ready", "INSERT of ready-made rows of the log", "audit.%", _ours, bulk_only=True),
    Contender("ours", "whochanged", "audit.%", _ours),
    Contender("ours-actor", "whochanged, actor set", "audit.%", _ours, before=_SET_OURS, one_row_only=True),
    Contender("pa-row", "postgresql-audit, row", "audit.%", peer=("postgresql_audit", "row")),
    Contender("pa-statement", "postgresql-audit, statement", "audit.%", peer=("postgresql_audit", "statement")),
    Contender("auditrum-full", "auditrum, full", "public.audit%", peer=("auditrum", "full")),
    Contender("auditrum-diff", "auditrum, diff", "public.audit%", peer=("auditrum", "diff")),
    Contender("pgh-row", "django-pghistory, row", "public.watched%", peer=("pghistory", "row", "plain"), json=False),
    Contender(
        "pgh-statement",
        "django-pghistory, statement",
        "public.watched%",
        peer=("pghistory", "statement", "plain"),
        json=False,
    ),
    Contender(
        "pgh-row-context",
        "django-pghistory, row, context",
        "public.%watched%",
        peer=("pghistory", "row", "context"),
        before=_SET_PGHISTORY,
        json=False,
    ),
    Contender(
        "pgh-statement-context",
        "django-pghistory, statement, context",
        "public.%watched%",
        peer=("pghistory", "statement", "context"),
        before=_SET_PGHISTORY,
        json=False,
    ),
)


def peers_python() -> Path:
    """Return the Python of the environment that has the peers, made where it is missing."""
    python = ENVIRONMENT / "bin" / "python"
    stamp = ENVIRONMENT / ".ready"
    if not stamp.exists() or stamp.stat().st_mtime < REQUIREMENTS.stat().st_mtime:
        print("installing the peers into an environment of their own", file=sys.stderr)
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        arguments = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(REQUIREMENTS)]
        subprocess.run([python, "-m", "pip", *arguments], check=True)
        stamp.touch()
    return python


def peers_versions() -> list[str]:
    """Return the peers and their versions, as pip names them."""
    found = subprocess.run(
        [peers_python(), "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = ("postgresql-audit", "auditrum", "django-pghistory")
    return sorted(line.replace("==", " ") for line in found.lower().splitlines() if line.startswith(names))


def make(contender: Contender, server_dsn: str, dsn: str) -> None:
    """Make the contender's database, its tables, and whatever it puts on them."""
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"'.encode())
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute((SQL / "tables.sql").read_bytes())
        if contender.install is not None:
            contender.install(conn)
    if contender.peer:
        script, *mode = contender.peer
        _run_peer([str(PEERS / f"with_{script}.py"), _address(script, dsn), *mode])


def _address(script: str, dsn: str) -> str:
    """Return the address in the form that the peer's library takes."""
    if script != "postgresql_audit":
        return dsn
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    return (
        f"postgresql+psycopg://{parts['user']}@/{parts['dbname']}?host={parts['host']}&port={parts.get('port', 5432)}"
    )


def _run_peer(arguments: Sequence[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    subprocess.run([peers_python(), *arguments], check=True, cwd=PEERS, env=environment)
