"""Where a page begins: opaque text that stands for an entry and a direction, and is refused when it is anything else."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from capture.errors import UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FORM = struct.Struct(">BQQI")
_CHECK = 4
_UPWARD, _INCLUSIVE, _VERSION = 1, 2, 4


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """An entry's place in the log: time, transaction, and its number in the order in which the transaction's entries are shown."""

    at: datetime
    transaction_id: int
    place: int

    def is_newer(self, other: Key) -> bool:
        """Whether the entry stands above the other one."""
        return (self.at, self.transaction_id, -self.place) > (other.at, other.transaction_id, -other.place)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The entries older than the one of `key`, or newer with `upward`; with `inclusive`, that one too."""

    key: Key
    upward: bool = False
    inclusive: bool = False

    def takes(self, key: Key) -> bool:
        """Whether an entry is on this side of the cursor."""
        if key == self.key:
            return self.inclusive
        return key.is_newer(self.key) is self.upward


def encode(cursor: Cursor) -> str:
    """Return the text of a cursor, fit for a URL."""
    flags = _VERSION | (_UPWARD if cursor.upward else 0) | (_INCLUSIVE if cursor.inclusive else 0)
    key = cursor.key
    body = _FORM.pack(flags, (key.at - _EPOCH) // _MICROSECOND, key.transaction_id, key.place)
    return urlsafe_b64encode(body + _check(body)).decode()


def decode(text: str) -> Cursor:
    """Return the cursor. Raises UsageError for what is none: it gives no more than what the filters let through in any case."""
    problem = UsageError("this is no place in the log: begin at the first page again")
    try:
        raw = urlsafe_b64decode(text.encode("ascii"))
        body, check = raw[:-_CHECK], raw[-_CHECK:]
        if _check(body) != check or urlsafe_b64encode(raw).decode() != text:
            raise problem
        flags, at, transaction_id, place = _FORM.unpack(body)
        if flags & ~(_UPWARD | _INCLUSIVE) != _VERSION:
            raise problem
        moment = _EPOCH + at * _MICROSECOND
    except (Error, ValueError, struct.error, OverflowError) as error:
        raise problem from error
    return Cursor(Key(moment, transaction_id, place), bool(flags & _UPWARD), bool(flags & _INCLUSIVE))


def _check(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECK, person=b"whochanged").digest()
