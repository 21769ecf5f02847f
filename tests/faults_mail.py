"""A real mail server that goes wrong at every step of SMTP, in every way, and keeps what it truly took."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from email.policy import SMTP as SMTP_POLICY
from hashlib import sha256
from typing import Any

from aiosmtpd.smtp import SMTP

from tests.fix_smtp import Mailbox, Session, hang_up

FOREVER, A_WHILE, A_MOMENT = 3600.0, 0.3, 0.05
PLAIN = ("4xx", "5xx", "silence", "hang up", "garbage", "slow")

FAULTS: tuple[tuple[str, str], ...] = (
    *(
        (verb, kind)
        for verb in ("banner", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "QUIT")
        for kind in PLAIN
    ),
    *(("TLS", kind) for kind in ("hang up", "garbage", "silence")),
    *(("AUTH", "bad challenge"), ("RCPT", "5.7.1"), ("RCPT", "no relaying"), ("RCPT", "drip")),
    *(("message", kind) for kind in ("hang up", "silence", "4xx")),
    *(("end", f"refused, {kind}") for kind in ("4xx", "5xx", "hang up", "silence", "garbage")),
    *(("end", f"taken, {kind}") for kind in ("hang up", "silence", "garbage", "slow", "drip")),
)
"""Where and how a session goes wrong. "message" is while the message comes in, "end" after its dot, before the answer."""

REFUSALS = {
    "banner": ("421 4.3.2 too busy", "554 5.3.2 no service here"),
    "EHLO": ("421 4.3.2 going down", "554 5.3.2 not you"),
    "STARTTLS": ("454 4.7.0 not now", "554 5.7.0 never"),
    "AUTH": ("454 4.7.0 not now", "535 5.7.8 wrong password"),
    "MAIL": ("451 4.3.0 later", "550 5.1.8 not from there"),
    "RCPT": ("450 4.2.0 mailbox is busy", "550 5.1.1 no such mailbox"),
    "DATA": ("451 4.3.0 later", "554 5.3.4 nothing today"),
    "QUIT": ("421 4.3.0 later", "500 5.5.0 never"),
    "message": ("421 4.3.0 enough", ""),
    "end": ("452 4.3.1 no room", "554 5.6.0 not this"),
}

ANSWERS = {
    "garbage": b"\x00\xff no SMTP at all \xe2\x28\xa1",
    "3xx": b"350 4.0.0 what more",
    "bad challenge": b"334 no base64!",
    "5.7.1": b"550 5.7.1 not authorized",
    "no relaying": b"550 relay not permitted",
}


@dataclass(frozen=True)
class Accepted:
    """A mail that the server took: whom it is for, its Message-ID and window, a hash of its bytes."""

    address: str
    message_id: str
    window: str
    digest: str


@dataclass
class FaultyMailbox(Mailbox):
    """Takes mails, or goes wrong as the plan says: each of `faults` in turn, in an order of chance, and well in between.

    `fired` counts the faults that a client has met, `accepted` has what was taken in its order, `contents` the bytes of each Message-ID.
    While somebody waits for a `moment` (a verb, "taken" or "answered"), the server stands still there for an instant, so that a
    process can be killed just then.
    """

    chance: random.Random = field(default_factory=random.Random)
    well: bool = False
    share: float = 0.75
    faults: tuple[tuple[str, str], ...] = FAULTS
    fired: Counter[tuple[str, str]] = field(default_factory=Counter)
    sessions: int = 0
    accepted: list[Accepted] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    moment: str | None = None
    reached: threading.Event = field(default_factory=threading.Event)
    _left: list[tuple[str, str]] = field(default_factory=list)

    def plan(self) -> tuple[str, str] | None:
        """Return how the next session goes wrong; None where it is to go well."""
        self.sessions += 1
        if self.well or self.chance.random() > self.share:
            return None
        if not self._left:
            self._left = list(self.faults)
            self.chance.shuffle(self._left)
        return self._left.pop()

    async def at(self, moment: str) -> None:
        """Tell whoever waits for this moment, and give it the time to strike."""
        if self.moment == moment:
            self.reached.set()
            await asyncio.sleep(0.03)

    def take(self, address: str, content: bytes) -> None:
        """Keep a mail."""
        headers = BytesHeaderParser(policy=SMTP_POLICY).parsebytes(content)
        name = str(headers["Message-ID"])
        self.contents.setdefault(name, content)
        self.accepted.append(Accepted(address, name, str(headers["X-Audit-Window"]), sha256(content).hexdigest()))

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd looks for this name
        """Take the mail, or lose it, and answer or not."""
        del session
        assert isinstance(server, FaultySession)
        end, kind = server.fault if server.fault and server.fault[0] == "end" else ("", "")
        taken, how = not kind.startswith("refused"), kind.rpartition(", ")[2]
        if taken:
            self.take(envelope.rcpt_tos[0], envelope.content)
        await self.at("taken" if taken else "end")
        if end and await server.go_wrong(how):
            return "250 nobody hears this"
        return "250 2.0.0 queued"


class FaultySession(Session):
    """One session, with the fault that is planned for it."""

    fault: tuple[str, str] | None = None
    drips = False
    """From now on each letter of an answer takes its time."""

    async def _handle_client(self) -> None:
        self.fault = self.event_handler.plan()
        if await self._goes_wrong("banner"):
            return
        await super()._handle_client()

    @property
    def _alive(self) -> bool:
        return isinstance(self.transport, asyncio.Transport) and not self.transport.is_closing()

    async def push(self, status: Any) -> None:
        """Answer; slowly, where that is the fault."""
        if self.drips:
            for letter in str(status).encode() + b"\r\n":
                if not self._alive:
                    return
                self._writer.write(bytes([letter]))
                await asyncio.sleep(A_MOMENT)
            return
        await super().push(status)

    async def go_wrong(self, kind: str) -> bool:
        """Do it, and return whether the command is done with by that."""
        assert self.fault is not None
        verb = self.fault[0]
        self.event_handler.fired[self.fault] += 1
        if kind == "slow":
            await asyncio.sleep(A_WHILE)
        self.drips = kind == "drip"
        if kind in {"slow", "drip"}:
            return False
        if kind == "silence":
            await asyncio.sleep(FOREVER)
        elif kind == "hang up":
            hang_up(self)
        else:
            said = ANSWERS.get(kind) or REFUSALS[verb][kind == "5xx"].encode()
            self._writer.write(said + b"\r\n")
            await self._writer.drain()
            if verb in {"banner", "end"}:
                hang_up(self)
        return True

    async def _goes_wrong(self, verb: str) -> bool:
        await self.event_handler.at(verb)
        return self.fault is not None and self.fault[0] == verb and await self.go_wrong(self.fault[1])

    async def smtp_EHLO(self, arg: str) -> None:  # noqa: N802 - aiosmtpd looks for these names
        """Greet."""
        if not await self._goes_wrong("EHLO"):
            await super().smtp_EHLO(arg)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        """Encrypt, or fail to in the middle."""
        if await self._goes_wrong("STARTTLS"):
            return
        if self.fault and self.fault[0] == "TLS":
            await super().push("220 go ahead")
            await self.go_wrong(self.fault[1])
            return
        await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        """Let in."""
        if not await self._goes_wrong("AUTH"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        """Take the sender."""
        if not await self._goes_wrong("MAIL"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        """Take the recipient."""
        if not await self._goes_wrong("RCPT"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Take the message, or go wrong while it comes in."""
        if await self._goes_wrong("DATA"):
            return
        if self.fault and self.fault[0] == "message":
            await super().push("354 go on")
            await self._reader.readline()
            await self.go_wrong(self.fault[1])
            hang_up(self)
            return
        await super().smtp_DATA(arg)
        await self.event_handler.at("answered")

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
        """Say goodbye."""
        if not await self._goes_wrong("QUIT"):
            await super().smtp_QUIT(arg)
