"""A real mail server (aiosmtpd) that a test scripts: what it refuses, when it hangs up, what it took."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from reports.smtp import MailServer, Security

USER, PASSWORD = "audit", "hunter2"


@dataclass(frozen=True)
class Taken:
    """A mail that the server took: who it came from, whom it is for, and its bytes."""

    sender: str
    address: str
    message: bytes

    @property
    def parsed(self) -> EmailMessage:
        """Return the mail as a message."""
        found = BytesParser(policy=SMTP_POLICY).parsebytes(self.message)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def text(self) -> str:
        """Return the text part."""
        part = self.parsed.get_body(("plain",))
        assert part is not None
        return str(part.get_content())


@dataclass
class Mailbox:
    """What the server took, and what it is to do next.

    `refusals` are answers to MAIL by sender and to RCPT by address; `data` are answers to the next mails, used up one by one:
    "250 ..." takes the mail, "drop" takes it and hangs up without an answer, "lose" hangs up without taking it, "stall" takes
    it and never answers. `drop_at_quit` hangs up where the server should say goodbye.
    """

    taken: list[Taken] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    greeting: str | None = None
    drop_at_quit: bool = False
    login_required: bool = False
    logins: list[tuple[str, bool]] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 0

    def addresses(self) -> list[str]:
        """Return whom mails were taken for, in their order."""
        return [mail.address for mail in self.taken]

    def server(
        self, security: Security = "none", *, timeout: float = 5, host: str = "127.0.0.1", **more: Any
    ) -> MailServer:
        """Return the server as the program addresses it."""
        return MailServer(host, self.port, security, timeout=timeout, **more)

    def url(self, scheme: str = "smtp") -> str:
        """Return the server's address as a setting."""
        return f"{scheme}://{self.host}:{self.port}"

    async def handle_MAIL(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd looks for this name
        """Take or refuse the sender."""
        del server
        if self.login_required and not session.authenticated:
            return "530 5.7.0 authentication required"
        if address in self.refusals:
            return self.refusals[address]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 sender ok"

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd looks for this name
        """Take or refuse the recipient."""
        del server, session, options
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient ok"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd looks for this name
        """Take the mail, or do what the script says."""
        del session
        act = self.data.pop(0) if self.data else "250 2.0.0 queued"
        if act in {"drop", "stall"} or act.startswith("2"):
            self.taken.append(Taken(envelope.mail_from, envelope.rcpt_tos[0], envelope.content))
        if act in {"drop", "lose"}:
            hang_up(server)
        if act == "stall":
            await asyncio.sleep(3600)
        return act

    async def handle_QUIT(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd looks for this name
        """Say goodbye, or hang up."""
        del session, envelope
        if self.drop_at_quit:
            hang_up(server)
        return "221 2.0.0 bye"


class Session(SMTP):
    """One session, which greets as the script says."""

    async def _handle_client(self) -> None:
        greeting = self.event_handler.greeting
        if greeting is None:
            await super()._handle_client()
            return
        if greeting != "drop":
            await self.push(greeting)
        hang_up(self)


def hang_up(session: SMTP) -> None:
    """Break the connection off, without a word."""
    # A TLS connection that has said goodbye cannot be aborted any more.
    if isinstance(session.transport, asyncio.Transport) and not session.transport.is_closing():
        session.transport.abort()


@contextmanager
def running(
    mailbox: Mailbox,
    *,
    tls: ssl.SSLContext | None = None,
    wrapped: bool = False,
    login: bool = False,
    kind: type[Session] = Session,
) -> Iterator[Mailbox]:
    """Run a mail server for the mailbox: with STARTTLS where *tls* is given, or with TLS from the start (*wrapped*).

    *kind* is what its sessions are.
    """
    options: dict[str, Any] = {"hostname": "mail.test", "enable_SMTPUTF8": False}
    if tls and not wrapped:
        options |= {"tls_context": tls, "require_starttls": False}
    if login:

        def authenticate(server: SMTP, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
            del server, envelope, mechanism
            right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
            mailbox.logins.append((data.login.decode(), session.ssl is not None))
            return AuthResult(success=right, handled=False)

        # aiosmtpd would warn of a login without its own STARTTLS: the mailbox itself demands it.
        options |= {"authenticator": authenticate, "auth_require_tls": False}
        mailbox.login_required = True
    loop = asyncio.new_event_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    mailbox.port = listener.getsockname()[1]
    sessions: list[Session] = []

    def session() -> Session:
        sessions.append(kind(mailbox, loop=loop, **options))
        return sessions[-1]

    async def serve() -> asyncio.Server:
        return await loop.create_server(session, sock=listener, ssl=tls if wrapped else None)

    async def stop(server: asyncio.Server) -> None:
        server.close()
        for each in sessions:
            hang_up(each)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the transports close in the next turn of the loop

    thread = threading.Thread(target=loop.run_forever, name="mail server", daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(10)
    try:
        yield mailbox
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the tests; `file` is its own certificate, as SSL_CERT_FILE takes it."""

    ca: trustme.CA
    file: Path

    def context(self, *names: str) -> ssl.SSLContext:
        """Return what a server with a certificate for these names needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        return context


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """Give a mail server without encryption and login, and the mailbox that it fills."""
    with running(Mailbox()) as mailbox:
        yield mailbox


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give a certificate authority that nobody trusts unless SSL_CERT_FILE names it."""
    ca = trustme.CA()
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return Authority(ca, file)


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Give the authority, trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority
