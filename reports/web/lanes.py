"""How many requests of a kind are worked on at once: a crowd at the sign-in, or long exports, must not keep readers waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, ParamSpec, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from reports.web.errors import Refused

P = ParamSpec("P")
T = TypeVar("T")

LaneName = Literal["pages", "sign-in", "provider", "export"]


class Lane:
    """So many threads, and so many requests that wait for one; what comes beyond is told to come again."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._threads = threads
        self._most = threads + waiting
        self._present = 0
        self._limiter: CapacityLimiter | None = None

    def enter(self) -> None:
        """Take a place. Raises Refused where there is none; who has one gives it back by `leave`."""
        if self._present >= self._most:
            raise Refused(503, "Too many ask for this at once: try again in a moment.", {"Retry-After": "5"})
        self._present += 1

    def leave(self) -> None:
        """Give the place back."""
        self._present -= 1

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a thread of this lane."""
        self.enter()
        try:
            return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs), limiter=self.limiter)
        finally:
            self.leave()

    @property
    def limiter(self) -> CapacityLimiter:
        """The threads; made within the event loop, which they belong to."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(self._threads)
        return self._limiter
