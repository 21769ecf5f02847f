"""Signing who acts: the signature is bound to one transaction, and the log checks it with sha256() alone (docs/actors.md)."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256

from capture.errors import UsageError

FORMAT = "whochanged-1"
LIFE = 600
"""Seconds that a signature holds: the first write must follow within them."""

_KEY = re.compile(r"([A-Za-z0-9_.-]{1,32}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key as `whochanged keys add` prints it: its name, and 32 bytes that are a secret."""

    name: str
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Return the key of "NAME:64 hexadecimal digits". Raises UsageError, without repeating it."""
        match = _KEY.fullmatch(text)
        if match is None:
            raise UsageError("the signing key is none: give it as  whochanged keys add  printed it, NAME:HEX")
        return cls(match[1], bytes.fromhex(match[2]))

    def sign(self, actor: str, context: str, *, cluster: int, transaction: str, expires: int) -> str:
        """Return the value of `audit.signature` for the actor and the context (the very text of `audit.context`).

        *cluster* is the system identifier, *transaction* what pg_current_xact_id() gives, *expires* a Unix time in seconds.
        """
        signed = message(self.name, actor, context, cluster=cluster, transaction=transaction, expires=expires)
        return f"1:{self.name}:{expires}:{hmac.new(self.secret, signed, sha256).hexdigest()}"


def message(key: str, actor: str, context: str, *, cluster: int, transaction: str, expires: int) -> bytes:
    """Return what is signed: seven lines. Actor and context stand as hashes, so that no text can pass for another line."""
    hashes = (sha256(text.encode()).hexdigest() for text in (actor, context))
    return "\n".join((FORMAT, key, str(cluster), transaction, str(expires), *hashes)).encode()
