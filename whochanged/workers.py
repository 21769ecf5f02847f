"""Several processes that serve the page on one port: Python works on one core only, and readers wait for those before them.

They share nothing but the database, which has the sessions, the tries at the sign-in, the tokens and the secret of the forms.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from capture.errors import ConfigurationError

SOON = 5.0
"""A process that ends within so many seconds did not really begin."""

_TRIES = 3
_LOOK = 1.0
_PAUSE = 0.5

_log = logging.getLogger(__name__)


def serve_by(number: int, work: Callable[[], None]) -> None:
    """Do the work in so many processes until SIGTERM or SIGINT; one that dies is begun anew.

    Raises ConfigurationError where they end again and again as soon as they have begun. The caller has neither threads nor connections.
    """
    began: dict[int, float] = {}
    stopping = threading.Event()

    def stop(*_: object) -> None:
        stopping.set()
        for pid in list(began):
            _end(pid)

    before = {one: signal.signal(one, stop) for one in (signal.SIGTERM, signal.SIGINT)}
    in_vain = 0
    try:
        for _ in range(number):
            began[_begin(work, before)] = time.monotonic()
        while began:
            pid, status = os.wait()
            lived = time.monotonic() - began.pop(pid, 0.0)
            if stopping.is_set():
                continue
            in_vain = in_vain + 1 if lived < SOON else 0
            _log.error("process %d ended (%d) after %.0f s", pid, os.waitstatus_to_exitcode(status), lived)
            if in_vain >= _TRIES:
                stop()
                continue
            time.sleep(_PAUSE)
            began[_begin(work, before)] = time.monotonic()
            if stopping.is_set():
                stop()
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
    if in_vain >= _TRIES:
        raise ConfigurationError(
            "the processes of the page end as soon as they have begun: their last words stand above"
        )


def _begin(work: Callable[[], None], handlers: Mapping[signal.Signals, object]) -> int:
    """Begin a process and return its number. It is in a group of its own: a terminal's Ctrl-C comes to the first one, which tells it."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setpgid(0, 0)
        for signum, handler in handlers.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]
        threading.Thread(target=_watch, args=(os.getppid(),), name="parent", daemon=True).start()
        work()
        code = 0
    except Exception:  # noqa: BLE001 - the process ends here, and says why
        _log.exception("a process of the page failed")
    finally:
        # Nothing of what the first process has to clean up is for this one.
        logging.shutdown()
        os._exit(code)


def _watch(parent: int) -> None:
    """End in order when the first process is there no more."""
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os.kill(os.getpid(), signal.SIGTERM)


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):  # it may have ended by itself
        os.kill(pid, signal.SIGTERM)
