"""What is signed or hashed for browsers: forms, notes and devices by the log's own secret, sessions and tokens by none."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from typing import Any, Final

import psycopg
from itsdangerous import BadSignature, URLSafeTimedSerializer

from capture.errors import ConfigurationError
from capture.resources import query

_BYTES: Final = 32


def new_token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(_BYTES)


def hashed(token: str) -> bytes:
    """Return the SHA-256 of a random token: it has so many bits that no slow hash is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Secret:
    """The log's own secret, read once, from which one key a purpose is made."""

    def __init__(self) -> None:
        self._value: bytes | None = None
        self._lock = threading.Lock()

    def load(self, conn: psycopg.Connection[Any]) -> None:
        """Read the secret unless it was. Raises ConfigurationError where there is none."""
        if self._value is not None:
            return
        with self._lock:
            row = conn.execute(query("web_secret")).fetchone()
            if row is None:
                raise ConfigurationError("the log has no secret for the page: run  whochanged install")
            self._value = bytes(row[0])

    def key(self, purpose: str) -> bytes:
        """Return the key of a purpose."""
        if self._value is None:
            raise ConfigurationError("the secret of the page was not read yet")
        return hmac.digest(self._value, purpose.encode(), "sha256")

    def mac(self, purpose: str, text: str) -> str:
        """Return what proves that we said this text."""
        return hmac.digest(self.key(purpose), text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def signed(self, purpose: str, document: object) -> str:
        """Return a document as text that a browser may keep and cannot change."""
        return self._serializer(purpose).dumps(document)

    def unsigned(self, purpose: str, text: str, seconds: int) -> Any:
        """Return the document of such a text, None where it is not ours, or older than so many seconds."""
        try:
            return self._serializer(purpose).loads(text, max_age=seconds)
        except BadSignature:
            return None

    def _serializer(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.key(purpose), salt=purpose, signer_kwargs={"digest_method": hashlib.sha256})
