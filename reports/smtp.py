"""The mail server: its address, and one message to one address with what became of it.

SMTP answers in numbers. A 2xx after the data is "sent", whatever happens later. A 4xx, a timeout or a lost connection is
"again": the outcome may be unknown, and the same bytes go again under the same Message-ID. A 5xx to the recipient or to
the data is "refused": it concerns this message and not the next one. All else is a "fault" of the configuration: it would
be the same for every message, and a person must put it right.

Two refusals may be either, and who has seen the other answers must judge (reports/outbox.py). "unserved" speaks of a login
or of relaying (RFC 4954: 530, 535; RFC 3463: 5.7.0, 5.7.8 and others; or in words alone, as Exim's `550 relay not permitted`).
"denied" is any other 5.7.x to the recipient (RFC 3463: security or policy; 5.7.1 is not authorized, for this sender or for this
recipient, as of a list that takes no mail from outside).
"""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

from capture.errors import ConfigurationError

Security = Literal["none", "starttls", "tls"]
Verdict = Literal["sent", "again", "refused", "denied", "unserved", "fault"]

_SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("none", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}
_TAKEN, _LATER, _FOR_GOOD = 2, 4, 5
_TOO_LARGE = 552
_LOGIN_WANTED = frozenset({530, 535})
_POLICY = re.compile(r"5\.7\.\d")
"""RFC 3463: security or policy; what is wrong with an address is 5.1 and 5.2."""
_NO_ACCESS = re.compile(r"5\.7\.(?:0|3|8|9|10|11|12|13|14|60)(?!\d)")
"""RFC 4954, RFC 5248: a login, its mechanism, its encryption, an account that is disabled; 60 is Exchange's for the sender."""
_ACCESS_WORDS = re.compile(
    r"(?<![\w.@-])relay(?:ed|ing)?(?![\w@-]|\.\w)|\b(?:un)?authenticat|\bauth(?: is)? (?:required|first)"
    r"|\blog ?in\b|\bpop before smtp|\brcpthosts\b",
    re.IGNORECASE,
)
"""What servers of all makes say of relaying and of logins, and no name of a host; qmail's list of domains is `rcpthosts`."""
_ADDRESS = re.compile(r"5\.[1256]\.\d")
"""RFC 3463: address, mailbox, protocol, content. Exim and qmail give no such number at all."""
_NUMBER = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_NO_ADDRESS = re.compile(r"5\.(?:1\.(?!8(?!\d))\d|2\.1(?!\d))")
"""RFC 3463: there is no such address or domain (5.1.8 is the sender's), or the mailbox is disabled; not one that is full (5.2.2)."""
_FAREWELL = 5.0
"""Seconds that a server has to answer QUIT: what matters is done by then."""
_ROUND_TRIPS = 12
"""Answers that one delivery waits for, at most."""
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails are handed in. `timeout` is the seconds that each answer may take."""

    host: str
    port: int
    security: Security = "none"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = 30.0

    @property
    def longest(self) -> float:
        """Return the seconds that one delivery can take."""
        return _ROUND_TRIPS * self.timeout + _FAREWELL

    def __str__(self) -> str:
        return f"mail server {self.host}, port {self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message: the verdict, and in one line what the server said, or what is wrong and what to do.

    `hard` says that the address itself was refused for good: no other message would arrive there.
    """

    verdict: Verdict
    said: str
    timed_out: bool = False
    hard: bool = False


def parse_server(url: str, timeout: float = 30.0) -> MailServer:
    """Return the server of `smtp://user:password@host:port` (or `smtp+starttls://`, `smtps://`).

    A port that is not named is 25, 587 or 465. Raises ConfigurationError, which repeats nothing of the URL.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in _SCHEMES:
        raise _unusable(f"it must start with {'://, '.join(_SCHEMES)}://")
    security, usual = _SCHEMES[scheme]
    rest = rest.removesuffix("/")
    # urlsplit would take one of a password for the end of the host.
    if any(letter in rest for letter in "/?#"):
        raise _unusable("nothing may follow the port (write /, ? and # of a password as %2F, %3F and %23)")
    try:
        parts = urlsplit(f"//{rest}")
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port or usual
    except ValueError:
        raise _unusable("host or port cannot be read (write @ and : of a password as %40 and %3A)") from None
    if not host or any(letter.isspace() for letter in host):
        raise _unusable("it names no host")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise _unusable("it must have both user and password, or neither")
    return MailServer(host, port, security, user or None, password or None, timeout)


def deliver(server: MailServer, sender: str, address: str, message: bytes) -> Answer:
    """Hand in a message for one address, from the address *sender*. What server and network do is an answer, no error."""
    try:
        session = _connect(server)
    except (smtplib.SMTPException, OSError) as error:
        return _at_the_door(server, error)
    try:
        return _hand_in(session, server, sender, address, message)
    except (smtplib.SMTPException, OSError) as error:
        return Answer("again", _line(error), timed_out=_timed_out(error))
    finally:
        _leave(session)


def _connect(server: MailServer) -> smtplib.SMTP:
    """Open a session: encrypted and logged in, as the address says."""
    # The default context checks the certificate and the name in it; SSL_CERT_FILE names further authorities.
    context = ssl.create_default_context()
    if server.security == "tls":
        session: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout, context=context)
    else:
        session = smtplib.SMTP(server.host, server.port, timeout=server.timeout)
    try:
        session.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            session.starttls(context=context)
            session.ehlo_or_helo_if_needed()
        if server.user and server.password:
            session.login(server.user, server.password)
    except BaseException:
        _leave(session)
        raise
    return session


def _hand_in(session: smtplib.SMTP, server: MailServer, sender: str, address: str, message: bytes) -> Answer:
    """Go through the commands of one message, up to the first answer that settles it."""
    if not address.isascii() or not address.isprintable():
        return Answer("refused", "the address has letters beyond printable ASCII", hard=True)
    options = [f"size={len(message)}"] if session.has_extn("size") else []
    code, said = session.mail(sender, options)
    if code // 100 == _LATER or code == _TOO_LARGE:
        return Answer("again" if code != _TOO_LARGE else "refused", _reply(code, said))
    if code // 100 != _TAKEN:
        advice = "check WHOCHANGED_MAIL_FROM, and whether the server wants a login"
        return Answer("fault", f"{server} refuses the sender {sender} ({_reply(code, said)}): {advice}")
    code, said = session.rcpt(address)
    if code // 100 != _TAKEN:
        return _refused(code, said, at_recipient=True)
    try:
        code, said = session.data(message)
    except smtplib.SMTPDataError as error:
        return _refused(error.smtp_code, error.smtp_error, at_recipient=False)
    return Answer("sent", _reply(code, said)) if code // 100 == _TAKEN else _refused(code, said, at_recipient=False)


def _refused(code: int, said: bytes | str, *, at_recipient: bool) -> Answer:
    """Return the answer of a server that does not take a mail, to the recipient or after the data."""
    text = _text(said)
    verdict = _refusal(code, text, at_recipient=at_recipient)
    # To the recipient it is about the address unless it says otherwise; after the data, only where it says so.
    hard = bool(_NO_ADDRESS.match(text)) if _NUMBER.match(text) or not at_recipient else code != _TOO_LARGE
    return Answer(verdict, _reply(code, said), hard=verdict == "refused" and hard)


def _refusal(code: int, said: str, *, at_recipient: bool) -> Verdict:
    """Judge what a server that does not take a mail says to the recipient or the data."""
    if code // 100 == _LATER:
        return "again"
    if code in _LOGIN_WANTED:
        return "unserved"
    # What is said of the address itself is about the address, whatever words follow.
    if code // 100 == _FOR_GOOD and not _ADDRESS.match(said):
        if _NO_ACCESS.match(said) or _ACCESS_WORDS.search(said):
            return "unserved"
        # After the data a policy is about what the mail says: a filter's.
        if at_recipient and _POLICY.match(said):
            return "denied"
    return "refused"


def _at_the_door(server: MailServer, error: Exception) -> Answer:
    """Judge why there is no session."""
    line = _line(error)
    if server.password:
        line = line.replace(server.password, "***")  # should the server repeat it
    if isinstance(error, smtplib.SMTPResponseException):
        if error.smtp_code // 100 == _LATER:
            return Answer("again", line)
        if isinstance(error, smtplib.SMTPAuthenticationError):
            advice = "check user and password in WHOCHANGED_SMTP_URL"
            return Answer("fault", f"{server} refuses the login of '{server.user}' ({line}): {advice}")
        return Answer("fault", f"{server} refuses to serve us ({line}): check WHOCHANGED_SMTP_URL")
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return Answer("again", line, timed_out=_timed_out(error))
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = "correct the host in WHOCHANGED_SMTP_URL, or name the certificate's authority in SSL_CERT_FILE"
        return Answer("fault", f"the certificate of {server} is not trusted ({error.verify_message}): {advice}")
    if isinstance(error, ssl.SSLError):
        advice = "check scheme and port of WHOCHANGED_SMTP_URL (smtp://, smtp+starttls://, smtps://)"
        return Answer("fault", f"no encrypted connection with {server} ({error.reason or line}): {advice}")
    if isinstance(error, smtplib.SMTPException):
        advice = "check the scheme of WHOCHANGED_SMTP_URL (smtp://, smtp+starttls://, smtps://)"
        return Answer("fault", f"{server} does not offer what is asked for ({line}): {advice}")
    return Answer("fault", f"cannot reach {server} ({line}): check WHOCHANGED_SMTP_URL, and that the server runs")


def _leave(session: smtplib.SMTP) -> None:
    """Say goodbye. A server that does not answer, or is gone, changes nothing of what it answered before."""
    with suppress(smtplib.SMTPException, OSError):
        if session.sock is not None:
            session.sock.settimeout(_FAREWELL)
            session.quit()
    session.close()


def _timed_out(error: Exception) -> bool:
    """Return whether the server did not answer in time, which smtplib tells as a lost connection."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


def _line(error: Exception) -> str:
    """Return what went wrong in one line."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _reply(error.smtp_code, error.smtp_error)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(reason.split())[:_SHOWN] or type(error).__name__


def _reply(code: int, said: bytes | str) -> str:
    """Return a server's answer in one line."""
    return f"{code} {' '.join(_text(said).split())}"[:_SHOWN]


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


def _unusable(reason: str) -> ConfigurationError:
    return ConfigurationError(f"WHOCHANGED_SMTP_URL is not usable: {reason}")
