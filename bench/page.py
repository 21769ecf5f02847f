"""Measure the page at a long log: `make bench-page` writes bench/page.md.

First one reader at a time under each filter, then many at once while the business writes. The time is the server's own, from the
request to the last byte of the answer.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg

from bench.reading_log import Log, make_log
from capture.catalogue import Catalogue
from capture.catalogue.installing import installed_catalogue
from capture.index.build import catch_up
from reports.web.server import listener, settle
from whochanged.embedded import DEFAULT_MAJOR, Server, programs

HERE = Path(__file__).parent
RESULTS = HERE / "page.md"
OPTIONS = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "fsync": "off",
    "work_mem": "32MB",
}
DAYS = 90
FILTERS = {
    "none": "/",
    "period": "/?since=7d",
    "a day": "/?since={day}&until={day}",
    "person": "/?actor=Person+200",
    "module": "/?module=Territories",
    "type": "/?type=Deleted",
    "entity": "/?entity=workflow",
    "one entity": "/?entity=Welcome+77",
    "account": "/?account=17",
    "sensitivity": "/?sensitivity=high",
    "direct SQL": "/?kind=database",
    "text": "/?q=Nordics",
    "text that is rare": "/?q=Welcome+12345",
    "person, module, type": "/?actor=Person+003&module=Workflows&type=Updated",
    "account, text": "/?account=3&q=enabled",
}


def main() -> int:
    """Fill a log, measure, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("--changes", type=int, default=5_000_000, help="changes in the log, over 90 days")
    parser.add_argument("--requests", type=int, default=40, help="requests under each filter")
    parser.add_argument("--readers", type=int, default=50, help="readers at once")
    parser.add_argument("--seconds", type=float, default=30, help="length of the measurement with many readers")
    parser.add_argument("--workers", type=int, default=2, help="processes of the page")
    parser.add_argument("--saves", type=float, default=10, help="saves a second beside the readers")
    parser.add_argument("--major", type=int, default=DEFAULT_MAJOR, help="version of PostgreSQL")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="whochanged-bench-"))
        Path(folder).chmod(0o755)
        server = Server(programs(arguments.major), Path(folder) / "data", OPTIONS)
        server.start()
        stack.callback(server.stop)
        text = measure(make_log(server, arguments.changes, DAYS), arguments)
    RESULTS.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def measure(log: Log, arguments: argparse.Namespace) -> str:
    """Return the table of all measurements."""
    dsn = log.address
    with psycopg.connect(dsn, autocommit=True) as conn:
        index(conn)
    fork = multiprocessing.get_context("fork")
    with listener("127.0.0.1", 0) as sock:
        port, ready = sock.getsockname()[1], [fork.Event() for _ in range(arguments.workers)]
        processes = [fork.Process(target=serve, args=(dsn, one, sock), daemon=True) for one in ready]
        for process in processes:
            process.start()
        try:
            if not all(one.wait(60) for one in ready):
                raise RuntimeError("the page did not start")
            alone = {name: one_reader(port, path, arguments.requests) for name, path in paths().items()}
            begin = memory(processes)
            crowd, writes = many_readers(dsn, port, arguments)
            grown = memory(processes)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.join(20)
    lines = [
        "# The page at a long log",
        "",
        f"{log.changes:,} changes in {log.entries:,} entries over {log.days} days; processes of the page: {arguments.workers}",
        f"(`whochanged serve --workers`) on {os.cpu_count()} cores. Server time in milliseconds, from the request to the first byte",
        "of the answer, which is made whole before it is sent; measured by `make bench-page`.",
        "",
        "| filter of the first page | median | 95th percentile |",
        "|---|---|---|",
        *(f"| {name} | {median(found):.0f} | {percentile(found):.0f} |" for name, found in alone.items()),
        "",
        f"{arguments.readers} readers at once, each a page every few seconds under any filter, while {writes:,.0f} saves a second",
        f"were written: {len(crowd) / arguments.seconds:.0f} pages a second, median {median(crowd):.0f} ms,",
        f"95th percentile {percentile(crowd):.0f} ms.",
        f"Memory of the page's processes: {begin / 1024:.0f} MB before, {grown / 1024:.0f} MB after {len(crowd):,} pages.",
        "",
    ]
    return "\n".join(lines)


def serve(dsn: str, ready: Any, sock: socket.socket) -> None:
    """Serve the page for an Admin, with the time of each answer in a header of its last part."""
    import uvicorn

    from reports.web.app import create_app
    from reports.web.config import WebConfig
    from reports.web.viewer import Viewer

    viewer = Viewer("Ada", "admin", None, may_export=True, timezone="Europe/Berlin", subject="host:ada")
    app = create_app(WebConfig(dsn, identify=lambda _: viewer, connections=10))

    async def timed(scope: Any, receive: Any, send: Any) -> None:
        began = time.perf_counter()
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def sender(message: Any) -> None:
            if message["type"] == "http.response.start":
                spent = f"{(time.perf_counter() - began) * 1000:.2f}".encode()
                message = {**message, "headers": [*message["headers"], (b"x-spent", spent)]}
            await send(message)

        await app(scope, receive, sender)

    class Told(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets=sockets)
            settle()
            ready.set()

    Told(uvicorn.Config(timed, log_level="error")).run(sockets=[sock])


def paths() -> dict[str, str]:
    """Return the addresses of FILTERS, with a day of last week."""
    day = (datetime.now(UTC) - timedelta(days=6)).date().isoformat()
    return {name: path.format(day=day) for name, path in FILTERS.items()}


def ask(connection: http.client.HTTPConnection, path: str) -> float:
    """Ask for a page and return the milliseconds that the server took."""
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    if answer.status != http.client.OK:
        raise RuntimeError(f"{path}: {answer.status}")
    return float(answer.getheader("x-spent", "nan"))


def one_reader(port: int, path: str, requests: int) -> list[float]:
    """Return the times of one reader under a filter; the first page warms up."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    ask(connection, path)
    return [ask(connection, path) for _ in range(requests)]


def many_readers(dsn: str, port: int, arguments: argparse.Namespace) -> tuple[list[float], float]:
    """Return the times of many readers, and the saves a second beside them."""
    until = time.monotonic() + arguments.seconds
    times: dict[int, list[float]] = defaultdict(list)
    saves = [0, 0]

    def read(number: int) -> None:
        chance = random.Random(number)
        time.sleep(chance.uniform(0, 5))  # People do not come at one moment.
        while time.monotonic() < until:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            times[number].append(ask(connection, chance.choice(list(paths().values()))))
            connection.close()
            time.sleep(chance.uniform(2, 8))

    def write(number: int) -> None:
        with psycopg.connect(dsn, autocommit=True) as conn:
            while time.monotonic() < until:
                conn.execute(
                    "UPDATE crm.territories SET description = clock_timestamp()::text WHERE id = %s", (number + 1,)
                )
                saves[number] += 1
                time.sleep(2 / arguments.saves)

    def keep_indexed(_: int) -> None:
        with psycopg.connect(dsn, autocommit=True) as conn:
            while time.monotonic() < until:
                index(conn)
                time.sleep(2)

    jobs: list[tuple[Callable[[int], None], int]] = [(read, number) for number in range(arguments.readers)]
    threads = [
        threading.Thread(target=job, args=(number,))
        for job, number in [*jobs, (write, 0), (write, 1), (keep_indexed, 0)]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [one for of_reader in times.values() for one in of_reader], sum(saves) / arguments.seconds


def index(conn: psycopg.Connection[Any]) -> None:
    """Do what `whochanged run` does every two seconds."""
    catch_up(conn, installed_catalogue(conn) or Catalogue(name="none"))


def memory(processes: Sequence[BaseProcess]) -> int:
    """Return the KiB of memory that processes have, what they share counted for each."""
    lines = [
        line for one in processes for line in Path(f"/proc/{one.pid}/status").read_text(encoding="utf-8").splitlines()
    ]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def median(found: list[float]) -> float:
    """Return the median."""
    return statistics.median(found)


def percentile(found: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(found, n=20)[-1]


if __name__ == "__main__":
    sys.exit(main())
