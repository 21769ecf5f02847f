"""`whochanged run` as real processes, of which the tests end only those that they started."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOON = 30.0


class Process:
    """One `whochanged run`, and what it has said so far."""

    def __init__(self, dsn: str, environment: Mapping[str, str] | None = None, *, before: str = "") -> None:
        """Start it; *before* is a statement of Python that is done first."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("PG", "WHOCHANGED_"))}
        self.lines: list[str] = []
        self._popen = subprocess.Popen(
            [sys.executable, "-c", f"{before}\nfrom whochanged.cli import main; main()", "run", "--dsn", dsn],
            cwd=ROOT,
            env={**kept, "PYTHONPATH": str(ROOT), **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stderr is not None
        with self._popen.stderr as stderr:
            for line in stderr:
                self.lines.append(line.rstrip())

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._popen.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def says(self, words: str, times: int = 1) -> None:
        """Wait until it has said something so many times; fail where it does not."""
        end = time.monotonic() + SOON
        while sum(words in line for line in list(self.lines)) < times:
            assert time.monotonic() < end, self.lines
            assert self.runs, self.lines
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def ends(self, seconds: float = SOON) -> int:
        """Wait for its end and return its exit code."""
        code = self._popen.wait(seconds)
        self._reader.join(SOON)
        return code

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self.runs:
            self._popen.kill()
        self.ends()


@contextmanager
def running(dsn: str, environment: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run it while the block lasts."""
    process = Process(dsn, environment)
    try:
        yield process
    finally:
        process.kill()
