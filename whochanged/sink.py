"""A mail server that keeps what it is given, on this machine and while a block lasts: for the demo."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from capture.errors import ConfigurationError
from reports.smtp import MailServer

HOST = "127.0.0.1"
_PATIENCE = 10
"""Seconds that starting and stopping may take."""


@dataclass
class Sink:
    """The mails that came in, by address, as the bytes that were sent; the last one to an address counts."""

    server: MailServer
    mails: dict[str, bytes] = field(default_factory=dict)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd looks for this name
        """Take a mail."""
        for address in envelope.rcpt_tos:
            self.mails[address] = envelope.content
        return "250 2.0.0 kept"


@contextmanager
def mail_sink() -> Iterator[Sink]:
    """Run a mail server on a free port of this machine. Raises ConfigurationError where aiosmtpd is not installed."""
    try:
        from aiosmtpd.smtp import SMTP
    except ImportError:
        message = "the demo's mail server is not installed: run  pip install 'whochanged[embedded]'"
        raise ConfigurationError(message) from None
    listener = socket.create_server((HOST, 0))
    sink = Sink(MailServer(HOST, listener.getsockname()[1]))
    loop = asyncio.new_event_loop()

    async def serve() -> asyncio.Server:
        return await loop.create_server(lambda: SMTP(sink, hostname="demo.localhost", loop=loop), sock=listener)

    async def stop(server: asyncio.Server) -> None:
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports close in the next turn of the loop

    thread = threading.Thread(target=loop.run_forever, name="mail sink", daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(_PATIENCE)
    try:
        yield sink
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(_PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE)
        loop.close()
