"""The service: one process that listens, keeps what is slow from holding it, and refuses to show the log to a network in plain HTTP."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from capture.errors import ConfigurationError, UsageError

HEADER_SECONDS = 10.0
"""Within so many seconds the head of a request must be here: who sends it drop by drop holds no place."""

_HEAD_BYTES = 16384
_CONNECTIONS = 1000
_BACKLOG = 256
_COLLECT = (20_000, 20, 100)


class BoundedProtocol(H11Protocol):
    """uvicorn's, with a limit on how long the head of a request may take; Boundary limits the body."""

    _slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; when its head is complete, there is nothing more to wait for here."""
        if self._slow is None and not self._busy():
            self._wait()
        super().data_received(data)
        if self._busy():
            self._done()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._done()
        super().connection_lost(exc)

    def _busy(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        self._slow = self.loop.call_later(HEADER_SECONDS, self._hang_up)

    def _done(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _hang_up(self) -> None:
        self._slow = None
        if not self.transport.is_closing():
            self.transport.abort()


class Service(uvicorn.Server):
    """uvicorn's, which ends in order at SIGTERM and SIGINT and leaves what comes then to us."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at the first signal, at once at the second. Signals come to the main thread alone."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises UsageError where there is no such address here, or the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise UsageError(
            f"cannot listen at {host}, port {port} ({error.strerror or error}): choose others with --host and --port"
        ) from error


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_exposure(host: str, *, encrypted: bool, proxied: bool) -> None:
    """Refuse plain HTTP beyond this machine: passwords and sessions could be read on the way. Raises ConfigurationError."""
    if not (is_loopback(host) or encrypted or proxied):
        raise ConfigurationError(
            f"at {host} the network could read passwords and the log: give --certificate and --key, or name the reverse proxy "
            "that encrypts in WHOCHANGED_TRUSTED_PROXIES, or listen at 127.0.0.1"
        )


def settle() -> None:
    """Have the garbage collector leave alone what the start has made, and look less often: its rounds were a third of the slowest pages.

    For a process that does nothing but serve: a host that mounts the application decides for itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)


def service(app: ASGIApp, *, certificate: Path | None = None, key: Path | None = None) -> Service:
    """Return the service for an application. Raises ConfigurationError where the certificate or its key cannot be read."""
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=_HEAD_BYTES,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"the certificate or its key cannot be used ({error}): both are PEM files that belong together"
        ) from error
    return Service(config)
