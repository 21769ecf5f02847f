"""Stops the servers of a test process when that process ends, however it ends: run beside it, with a pipe from it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

SECONDS = 20


def stop(data: Path) -> None:
    """Stop the server over *data* at once: its data are thrown away, so nothing needs saving."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGINT)
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and (data / "postmaster.pid").exists():
        time.sleep(0.02)


def main() -> None:
    """Wait for the pipe's end, then stop every server in the folder and remove it."""
    folder = Path(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.read()
    for data in folder.iterdir():
        stop(data)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
