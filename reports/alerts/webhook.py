"""The webhook: its address and keys, and one signed request with what became of it.

Signed as Standard Webhooks 1.0 has it: HMAC-SHA256 over `id.timestamp.body`, in the headers webhook-id, webhook-timestamp and
webhook-signature. The id is the same in every try, so a receiver knows what it has already; the timestamp is that of the try.
"""

from __future__ import annotations

import hmac
import http.client
import re
import secrets
import socket
import ssl
import threading
import time
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Literal
from urllib.parse import unquote, urlsplit

from capture.errors import ConfigurationError

Verdict = Literal["sent", "again", "gone"]

SECRET = "whsec_"  # noqa: S105 - how a secret begins, and none itself
_LEAST_KEY, _LONGEST_KEY = 24, 64
_PORTS = {"https": 443, "http": 80}
_REDIRECTS = range(300, 400)
_UNWILLING = frozenset({400, 413, 415, 422})
"""What a receiver says of this request, and not of all."""
_WAIT_ASKED = frozenset({429, 503})
_LONGEST_WAIT = 6 * 3600.0
_SHOWN = 200
_TARGET = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where requests go and the keys that sign them. `timeout` is the seconds that a whole request may take.

    Path and query often hold a secret, so that only host and port are ever printed.
    """

    host: str
    port: int
    encrypted: bool
    target: str = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)
    login: str | None = field(default=None, repr=False)
    timeout: float = 20.0

    def __str__(self) -> str:
        return f"webhook at {self.host}, port {self.port}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a request: the verdict, in one line what the receiver said or what is wrong, and the seconds that it asks us to wait.

    `down` says that the next request would meet the same.
    """

    verdict: Verdict
    said: str
    down: bool = False
    wait: float | None = None


def parse_webhook(url: str, secret: str, timeout: float = 20.0) -> Webhook:
    """Return the webhook of an address and its secrets (`whsec_...`; several, parted by spaces, while one is replaced by another).

    Raises ConfigurationError, which repeats nothing of the address or the secret.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise _unusable("URL", "host or port cannot be read") from None
    if parts.scheme not in _PORTS or not host:
        raise _unusable("URL", "it must look like https://hooks.example.com/audit")
    if parts.scheme == "http" and not _is_here(host):
        raise _unusable(
            "URL", "http:// is taken for this machine alone, for alerts tell what nobody else may read: write https://"
        )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _TARGET.fullmatch(target):
        raise _unusable("URL", "it has letters that no address may have: write them as %..")
    login = None
    if parts.username is not None:
        words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login = "Basic " + b64encode(words.encode()).decode()
    return Webhook(host, port, parts.scheme == "https", target, _keys(secret), login, timeout)


def new_secret() -> str:
    """Return a new secret, as receivers that follow Standard Webhooks take it."""
    return SECRET + b64encode(secrets.token_bytes(32)).decode()


def signature(webhook: Webhook, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the header webhook-signature: a signature by each key."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return " ".join("v1," + b64encode(hmac.digest(key, signed, "sha256")).decode() for key in webhook.keys)


def post(webhook: Webhook, webhook_id: str, body: bytes) -> Reply:
    """Hand in one request. What network and receiver do is a reply, no error; redirects are not followed."""
    timestamp = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "whochanged",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(webhook, webhook_id, timestamp, body),
        "Idempotency-Key": webhook_id,
        "Connection": "close",
        **({"Authorization": webhook.login} if webhook.login else {}),
    }
    try:
        with _connected(webhook) as connection:
            connection.request("POST", webhook.target, body=body, headers=headers)
            return _judged(connection.getresponse())
    except ssl.SSLCertVerificationError as error:
        advice = "correct WHOCHANGED_WEBHOOK_URL, or name the certificate's authority in SSL_CERT_FILE"
        return Reply(
            "again", f"the certificate of the {webhook} is not trusted ({error.verify_message}): {advice}", down=True
        )
    except TimeoutError:
        return Reply("again", f"the {webhook} gave no answer in {webhook.timeout:g} seconds", down=True)
    except (OSError, http.client.HTTPException) as error:
        return Reply("again", f"the {webhook} cannot be reached, or hung up ({_line(error)})", down=True)


@contextmanager
def _connected(webhook: Webhook) -> Iterator[http.client.HTTPConnection]:
    """Give an open connection, which is cut off when the time for the whole request is over. Raises TimeoutError then."""
    began = time.monotonic()
    bare = socket.create_connection((webhook.host, webhook.port), timeout=webhook.timeout)
    # A timeout of the socket is for each read alone: a receiver that sends a letter a second would keep us forever.
    handle, over = bare.dup(), threading.Event()

    def cut_off() -> None:
        over.set()
        with suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(webhook.timeout - (time.monotonic() - began), 0.01), cut_off)
    timer.daemon = True
    timer.start()
    connection = http.client.HTTPConnection(webhook.host, webhook.port, timeout=webhook.timeout)
    try:
        connection.sock = bare
        if webhook.encrypted:
            # The default context checks the certificate and the name in it; SSL_CERT_FILE names further authorities.
            connection.sock = ssl.create_default_context().wrap_socket(bare, server_hostname=webhook.host)
        yield connection
    except (OSError, http.client.HTTPException):
        if over.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        handle.close()
        connection.close()
        bare.close()


def _judged(response: http.client.HTTPResponse) -> Reply:
    """Judge a receiver's answer by its number alone: what else it says may repeat secrets."""
    status = response.status
    said = f"{status} {http.client.responses.get(status, '')}".strip()
    if status // 100 == 2:  # noqa: PLR2004 - 2xx
        return Reply("sent", said)
    if status == http.client.GONE:
        return Reply("gone", f"{said}: it wants no alerts any more", down=True)
    if status in _REDIRECTS:
        return Reply(
            "again", f"{said}: redirects are not followed, put the new address into WHOCHANGED_WEBHOOK_URL", down=True
        )
    wait = _asked(response.headers.get("Retry-After")) if status in _WAIT_ASKED else None
    return Reply("again", said, down=status not in _UNWILLING, wait=wait)


def _asked(value: str | None) -> float | None:
    """Return the seconds of a Retry-After (RFC 9110, 10.2.3), which may be a number or a date; at most six hours."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 0), _LONGEST_WAIT)


def _keys(secret: str) -> tuple[bytes, ...]:
    keys = []
    for word in secret.split():
        try:
            key = b64decode(word.removeprefix(SECRET), validate=True)
        except Base64Error:
            key = b""
        if not word.startswith(SECRET) or not _LEAST_KEY <= len(key) <= _LONGEST_KEY:
            raise _unusable(
                "SECRET", f"it must be {SECRET} and 24 to 64 bytes in base64: whochanged alerts secret  makes one"
            )
        keys.append(key)
    if not keys:
        raise _unusable("SECRET", "it is empty: whochanged alerts secret  makes one")
    return tuple(keys)


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _line(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(reason.split())[:_SHOWN] or type(error).__name__


def _unusable(what: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"WHOCHANGED_WEBHOOK_{what} is not usable: {reason}")
