"""A real receiver of webhooks that a test scripts: what it answers, when it hangs up, how slow it is, and what it took."""

from __future__ import annotations

import hmac
import json
import socket
import ssl
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from reports.alerts.webhook import Webhook, parse_webhook

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # always the same: it stands in names of tests


@dataclass(frozen=True)
class Got:
    """A request that arrived whole."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.body)

    @property
    def ids(self) -> list[str]:
        """Return the ids of the entries that it tells."""
        return [entry["id"] for entry in self.json["data"]["entries"]]

    def is_signed_with(self, secret: str) -> bool:
        """Check the signature as Standard Webhooks describes it, without any code of the program's."""
        key = b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = hmac.new(key, signed, "sha256").digest()
        given = [b64decode(word[3:]) for word in self.headers["webhook-signature"].split() if word.startswith("v1,")]
        return any(hmac.compare_digest(wanted, one) for one in given)


@dataclass
class Receiver:
    """What arrived, and what it is to do next.

    `answers` are used up one by one: a number is the status; "drop" hangs up after the request, "stall" never answers, "drip" sends
    the answer a letter at a time, "garbage" answers what is no HTTP. Then 204.
    """

    got: list[Got] = field(default_factory=list)
    answers: list[int | str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"

    def url(self, path: str = "/hook") -> str:
        """Return the address as a setting."""
        return f"{self.scheme}://{self.host}:{self.port}{path}"

    def webhook(self, *, secret: str = SECRET, timeout: float = 5.0, path: str = "/hook?token=hunter2") -> Webhook:
        """Return the webhook as the program addresses it."""
        return parse_webhook(self.url(path), secret, timeout)


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    receiver: Receiver

    def do_POST(self) -> None:
        """Take the request, and do what the script says."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.got.append(Got(self.path, headers, body))
        act = self.receiver.answers.pop(0) if self.receiver.answers else 204
        if act == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif act == "stall":
            time.sleep(3)
        elif act == "drip":
            with suppress(OSError):
                for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200:
                    self.wfile.write(bytes([letter]))
                    time.sleep(0.1)
        elif act == "garbage":
            self.wfile.write(b"220 mail.test ESMTP\r\n")
        else:
            self.send_response(int(act))
            for name, value in self.receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""


@contextmanager
def receiving(receiver: Receiver, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run the receiver, with TLS where *tls* is given."""
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that does not trust us is no news
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.scheme = "https"
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="receiver", daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver without encryption."""
    with receiving(Receiver()) as receiver:
        yield receiver
