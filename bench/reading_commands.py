"""Measure the commands that read much: exports, a day's digest, status, each in a process of its own."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.reading_log import Log

MOST = 1_000_000
"""So many entries are exported: of a longer log the newest days."""

PROGRAM = Path(sys.executable).parent / "whochanged"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command: seconds that passed, and of the program's own processor time, the most memory it had, and what it wrote."""

    seconds: float
    worked: float
    megabytes: float
    lines: int


def measure_commands(log: Log) -> dict[str, str]:
    """Return what each command costs at a log, in words."""
    days = log.days + 1 if log.entries <= MOST else max(round(log.days * MOST / log.entries), 1)
    found = {}
    for form in ("json", "csv"):
        run = _run(log, "export", "--format", form, "--since", f"{days}d")
        found[f"export as {form}"] = (
            f"{run.lines:,} lines, {run.lines / run.worked:,.0f} a second, {run.megabytes:.0f} MB of memory"
        )
    for name, arguments in (
        ("a day's digest", ("digest", "preview", "--period", "yesterday")),
        ("status", ("status",)),
    ):
        run = _run(log, *arguments)
        found[name] = f"{run.seconds:.1f} s, {run.megabytes:.0f} MB of memory"
    return found


def _run(log: Log, *arguments: str) -> Run:
    """Run a command with its output into a file that is thrown away."""
    began = time.perf_counter()
    with Path(os.devnull).open("wb") as nowhere:
        reading, writing = os.pipe()
        process = os.posix_spawn(
            PROGRAM,
            [str(PROGRAM), *arguments, "--dsn", log.address],
            dict(os.environ),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, writing, 1),
                (os.POSIX_SPAWN_DUP2, nowhere.fileno(), 2),
                (os.POSIX_SPAWN_CLOSE, reading),
            ],
        )
        os.close(writing)
        lines = 0
        with os.fdopen(reading, "rb") as answer:
            while block := answer.read(1 << 20):
                lines += block.count(b"\n")
        _, status, usage = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status) not in {0, 1}:
        raise RuntimeError(f"{' '.join(arguments)} failed: {os.waitstatus_to_exitcode(status)}")
    return Run(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, lines)
