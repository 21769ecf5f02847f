"""The program with quick clocks, for the fault test: what takes minutes takes moments, and nothing else differs.

Run as a process it starts others: each line on its standard input is a command, which a fork of it carries out. So a scheduler is
there within milliseconds, and two hundred can be killed. It prints `started NUMBER` and, of each that ended, `ended NUMBER CODE`.
"""

from __future__ import annotations

import json
import os
import select
import sys
import traceback
from datetime import timedelta
from typing import Any

import reports.digest.cut
import reports.jobs
import reports.outbox
import reports.scheduler
import reports.smtp
from whochanged.cli import main

BACK_OFF = (timedelta(seconds=0.2), timedelta(seconds=0.5), timedelta(seconds=1))


def _put(module: Any, name: str, value: object) -> None:
    """Give a constant of the program another value; it must be there."""
    assert hasattr(module, name), f"{module.__name__} has no {name} any more"
    setattr(module, name, value)


def hurry() -> None:
    """Look often, try again soon, and let leases end soon after the longest delivery."""
    _put(reports.outbox, "BACK_OFF", BACK_OFF)
    _put(reports.outbox, "_GRACE", 1.0)
    _put(reports.smtp, "_FAREWELL", 0.3)
    _put(reports.scheduler, "FIRST_PAUSE", 0.2)
    _put(reports.scheduler, "LONGEST_PAUSE", 1.0)
    defaults = reports.scheduler.Scheduler.__init__.__kwdefaults__
    assert defaults is not None
    defaults.update(look=0.3, beat=0.2)


def child(command: dict[str, Any]) -> None:
    """Be the program: with these arguments, and this file in place of standard error."""
    code = 1
    try:
        log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(log, stream)
        sys.argv = ["whochanged", *command["arguments"]]
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - a fork must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Start what is asked for until the input ends."""
    said = b""
    while True:
        if select.select([0], [], [], 0.02)[0]:
            piece = os.read(0, 65536)
            if not piece:
                return
            said += piece
        *lines, said = said.split(b"\n")
        for line in lines:
            number = os.fork()
            if number == 0:
                child(json.loads(line))
            os.write(1, f"started {number}\n".encode())
        reap()


def reap() -> None:
    """Tell of those that have ended."""
    try:
        while True:
            number, status = os.waitpid(-1, os.WNOHANG)
            if number == 0:
                return
            os.write(1, f"ended {number} {os.waitstatus_to_exitcode(status)}\n".encode())
    except ChildProcessError:
        return


if __name__ == "__main__":
    hurry()
    serve()
