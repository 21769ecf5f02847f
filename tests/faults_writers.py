"""Writers whose transactions end in another order than they begin: long ones, rolled back ones, prepared ones."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

ACCOUNTS = ("1", "2")
MOST_PREPARED = 2


@dataclass(frozen=True)
class Committed:
    """A change that the server said it committed: the number of its transaction, the name that is in it, the account."""

    xid: int
    name: str
    account: str


class Writer(threading.Thread):
    """Makes and renames territories, each by a name of its own, until it is told to end; then nothing of it is open any more."""

    def __init__(self, dsn: str, number: int, over: threading.Event, *, long: float) -> None:
        super().__init__(name=f"writer {number}", daemon=True)
        self.dsn, self.number, self.over, self.long = dsn, number, over, long
        self.chance = random.Random(number)  # noqa: S311 - the same in each run
        self.committed: list[Committed] = []
        self.undone: set[str] = set()
        self.did: Counter[str] = Counter()
        self.error: BaseException | None = None
        self._prepared: list[tuple[str, Committed, float]] = []
        self._last = 0

    def run(self) -> None:
        """Write."""
        try:
            with psycopg.connect(self.dsn, autocommit=True) as conn:
                while not self.over.is_set():
                    self._transaction(conn)
                    self._resolve(conn, time.monotonic())
                    time.sleep(self.chance.random() * 0.6)
                self._resolve(conn, float("inf"))
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error

    def _transaction(self, conn: Connection) -> None:
        self._last += 1
        account = self.chance.choice(ACCOUNTS)
        name = f"w{self.number}x{self._last}w"
        what = self.chance.random()
        conn.execute("BEGIN")
        row = conn.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        assert row is not None
        made = Committed(row[0], name, account)
        place = self.number * 100_000 + self._last
        conn.execute(
            "INSERT INTO crm.territories (id, account_id, name, position) VALUES (%s, %s, %s, %s)",
            (place, int(account), name, place),
        )
        if self.chance.random() < 0.3:
            # A save that is taken back within the transaction is none.
            conn.execute("SAVEPOINT s")
            conn.execute("UPDATE crm.territories SET name = %s WHERE id = %s", (f"{name}gone", place))
            conn.execute("ROLLBACK TO s")
        self.over.wait(self.chance.random() * (self.long if what < 0.15 else 0.05))
        if what > 0.85 and len(self._prepared) < MOST_PREPARED:
            gid = f"{conn.info.dbname} {name}"
            conn.execute(f"PREPARE TRANSACTION '{gid}'")
            self._prepared.append((gid, made, time.monotonic() + self.chance.random() * self.long))
            self.did["prepared"] += 1
        elif self.chance.random() < 0.2:
            conn.execute("ROLLBACK")
            self.undone.add(name)
            self.did["rolled back"] += 1
        else:
            conn.execute("COMMIT")
            self.committed.append(made)
            self.did["committed"] += 1
            self.did["long"] += what < 0.15

    def _resolve(self, conn: Connection, now: float) -> None:
        for one in [one for one in self._prepared if one[2] <= now]:
            gid, made, _ = one
            self._prepared.remove(one)
            if self.chance.random() < 0.3:
                conn.execute(f"ROLLBACK PREPARED '{gid}'")
                self.undone.add(made.name)
            else:
                conn.execute(f"COMMIT PREPARED '{gid}'")
                self.committed.append(made)
                self.did["committed"] += 1
