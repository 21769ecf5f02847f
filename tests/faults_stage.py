"""The stage of the fault test: schedulers as real processes, an operator, a killer who strikes at chosen moments, passing days."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from capture.upkeep import LEADER, LOCKS
from tests.faults_mail import FaultyMailbox
from tests.fix_postgres import ROOT

Connection = psycopg.Connection[Any]

MOMENTS = ("any", "any", "banner", "AUTH", "MAIL", "RCPT", "DATA", "taken", "taken", "answered", "answered", "QUIT")
"""When a process is killed: at any time, or when the mail server is just there."""

LEADS = (
    "SELECT a.application_name FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
    f" WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {LOCKS} AND l.objid = {LEADER}"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
# Never a whole number of days: two of them would have one beginning in the middle of it.
EARLIER = "UPDATE audit.digest SET window_start = window_start - {0}, window_end = window_end - {0}"
PATIENCE, SOON = 2.0, 60.0


class Nursery:
    """Starts the program as real processes, and knows how each ended."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("PG", "WHOCHANGED_"))}
        self.folder = folder
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.faults_run"],
            cwd=ROOT,
            env={**kept, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._starting = threading.Lock()
        self._news = threading.Condition()
        self._started: list[int] = []
        self._ended: dict[int, int] = {}
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._parent.stdout is not None
        with self._parent.stdout as stdout:
            for line in stdout:
                what, *numbers = line.split()
                with self._news:
                    if what == b"started":
                        self._started.append(int(numbers[0]))
                    else:
                        self._ended[int(numbers[0])] = int(numbers[1])
                    self._news.notify_all()

    def start(self, name: str, *arguments: str) -> int:
        """Start one, whose standard error goes to the log of that name; return its number."""
        command = {"arguments": arguments, "log": str(self.folder / f"{name}.log")}
        assert self._parent.stdin is not None
        with self._starting, self._news:
            self._parent.stdin.write(json.dumps(command).encode() + b"\n")
            self._parent.stdin.flush()
            assert self._news.wait_for(lambda: self._started, SOON)
            return self._started.pop()

    def runs(self, number: int) -> bool:
        """Return whether it has not ended."""
        return number not in self._ended

    def wait(self, number: int, seconds: float = SOON) -> int | None:
        """Wait for its end, and return its code; None where it goes on."""
        with self._news:
            self._news.wait_for(lambda: number in self._ended, seconds)
            return self._ended.get(number)

    def kill(self, number: int, how: signal.Signals = signal.SIGKILL) -> int:
        """End it, and return its code: no other has its number as long as its parent has not told of its end."""
        if self.runs(number):
            os.kill(number, how)
        code = self.wait(number)
        if code is None:
            return self.kill(number)
        return code

    def close(self) -> None:
        """End what starts them."""
        assert self._parent.stdin is not None
        self._parent.stdin.close()
        self._parent.wait(SOON)
        self._reader.join(SOON)


class Stage:
    """Three `whochanged run`, named a, b and c, and whoever calls `whochanged digest send --now` besides."""

    def __init__(self, dsn: str, mailbox: FaultyMailbox, environment: dict[str, str], folder: Path) -> None:
        self.dsn, self.mailbox, self.folder = dsn, mailbox, folder
        self.nursery = Nursery(environment, folder)
        self.chance = random.Random(1)  # noqa: S311 - the same in each run
        self.kills: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()
        self.over = threading.Event()
        self.error: BaseException | None = None
        self._schedulers: dict[str, int] = {}

    def start(self, *names: str) -> None:
        """Start schedulers."""
        for name in names:
            address = make_conninfo(self.dsn, application_name=name)
            self._schedulers[name] = self.nursery.start(name, "run", "--dsn", address)

    def kill_one(self, conn: Connection) -> None:
        """Kill a scheduler, most often the one that leads, at a moment of chance, and start it again."""
        leader = self._leader(conn)
        moment = self.chance.choice(MOMENTS)
        if moment == "any":
            self.over.wait(self.chance.random())
        else:
            self.mailbox.reached.clear()
            self.mailbox.moment = moment
            if not self.mailbox.reached.wait(PATIENCE):
                moment = "any"
            self.mailbox.moment = None
        others = sorted(set(self._schedulers) - {leader})
        name = leader if self.chance.random() < 0.9 else self.chance.choice(others)
        number = self._schedulers[name]
        assert self.nursery.runs(number), f"{name} ended by itself: {self.said(name)}"
        self.nursery.kill(number)
        self.kills["leader" if name == leader else "standby"] += 1
        self.kills[f"at {moment}"] += 1
        self.start(name)

    def _leader(self, conn: Connection) -> str:
        """Wait until one leads, and return its name."""
        for _ in range(int(SOON / 0.02)):
            row = conn.execute(LEADS).fetchone()
            if row and row[0] in self._schedulers:
                return str(row[0])
            self.over.wait(0.02)
        raise AssertionError(f"nobody leads: {[self.said(name) for name in self._schedulers]}")

    @property
    def killed(self) -> int:
        """How many processes were killed."""
        return self.kills["leader"] + self.kills["standby"] + self.kills["operator"]

    def send_now(self, *, kill: bool = False) -> int:
        """Run `whochanged digest send --now`, which retries at once and revives what was parked; kill it where that is wanted."""
        address = make_conninfo(self.dsn, application_name="operator")
        number = self.nursery.start("operator", "digest", "send", "--now", "--dsn", address)
        code = self.nursery.wait(number, self.chance.random() * 3 if kill else SOON)
        if code is None:
            code = self.nursery.kill(number)
            self.kills["operator"] += code == -signal.SIGKILL
        self.codes[code] += 1
        return code

    def operate(self) -> None:
        """Be an operator, until it is over."""
        try:
            while not self.over.wait(0.3):
                self.send_now(kill=self.chance.random() < 0.1)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error

    def pass_days(self) -> None:
        """Let a day pass every moment, for the digests alone: what was cut was cut a day earlier, so the next one is due."""
        try:
            with psycopg.connect(self.dsn, autocommit=True) as conn:
                while not self.over.wait(1.0):
                    with conn.transaction():
                        # Nobody cuts meanwhile.
                        conn.execute("SELECT FROM audit.recipient ORDER BY id FOR UPDATE")
                        conn.execute(
                            EARLIER.format(f"interval '25 hours {self.chance.random() * 60:.6f} seconds'").encode()
                        )
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error

    def stop(self) -> dict[str, int]:
        """Ask the schedulers to end, and return their codes: 0, or the signal where one had only just begun."""
        return {name: self.nursery.kill(number, signal.SIGTERM) for name, number in self._schedulers.items()}

    def said(self, name: str) -> str:
        """Return the last of what a process printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def tracebacks(self) -> list[str]:
        """Return the faults that the program did not foresee."""
        texts = [file.read_text(errors="replace") for file in sorted(self.folder.glob("*.log"))]
        return [text[place:][:2000] for text in texts if (place := text.find("Traceback")) >= 0]
