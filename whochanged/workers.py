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

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_TRIES = 3
_LOOK = 1.0
_PAUSE = 0.5

_log = logging.getLogger(__name__)


class _Processes:
    """Those that do the work, each with when it began. `stopping` is set by a signal, or where they end in vain."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.stopping = threading.Event()
        self._work = work
        self._began: dict[int, float] = {}
        self._in_vain = 0
        self.before = {one: signal.signal(one, self.stop) for one in _SIGNALS}

    def stop(self, *_: object) -> None:
        """Have them end, and begin no other."""
        self.stopping.set()
        for pid in list(self._began):
            _end(pid)

    def begin(self) -> None:
        """Begin one, unless they are to end."""
        # A signal between the fork and the note of its process would end the others only, and leave that one for ever.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            if not self.stopping.is_set():
                self._began[_begin(self._work, self.before)] = time.monotonic()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def look_after(self) -> bool:
        """Begin anew what dies until all have ended; return whether they ended in vain."""
        while self._began:
            pid, status = os.wait()
            lived = time.monotonic() - self._began.pop(pid, 0.0)
            if self.stopping.is_set():
                continue
            _log.error("process %d ended (%d) after %.0f s", pid, os.waitstatus_to_exitcode(status), lived)
            self._in_vain = self._in_vain + 1 if lived < SOON else 0
            if self._in_vain >= _TRIES:
                self.stop()
            else:
                time.sleep(_PAUSE)
                self.begin()
        return self._in_vain >= _TRIES


def serve_by(number: int, work: Callable[[], None]) -> None:
    """Do the work in so many processes until SIGTERM or SIGINT; one that dies is begun anew.

    Raises ConfigurationError where they end again and again as soon as they have begun. The caller has neither threads nor connections.
    """
    processes = _Processes(work)
    try:
        for _ in range(number):
            processes.begin()
        in_vain = processes.look_after()
    finally:
        for signum, handler in processes.before.items():
            signal.signal(signum, handler)
    if in_vain:
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
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
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
