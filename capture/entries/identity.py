"""The id of an entry: opaque, short enough for a link, and the same after every upgrade and catalogue edit.

It is 30 characters: the time and the number of the transaction, by which the log is read, and a hash each of the root entity and of
the module, by which the entry is found among the transaction's own. Two entities of one hash could only be mistaken for each other
within one transaction, where 48 bits make that less likely than 1 in 50,000 for a save of 100,000 entities; entries of other
transactions never can.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from zlib import crc32

from capture.errors import UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_AT, _NUMBER, _ROOT, _MODULE = 7, 7, 6, 2
"""Bytes of each part. Seven hold microseconds for 2,000 years, and a million transactions a second for as long."""

_BYTES = _AT + _NUMBER + _ROOT + _MODULE


@dataclass(frozen=True, slots=True)
class Identity:
    """What an id stands for. The time is part of it: transaction numbers start anew after a restore elsewhere."""

    at: datetime
    transaction_id: int
    module: str
    table: str
    key: str


@dataclass(frozen=True, slots=True)
class Reference:
    """What an id tells: when and in which transaction, and the hashes of root entity and module."""

    at: datetime
    transaction_id: int
    root: bytes
    module: bytes


def encode(identity: Identity) -> str:
    """Return the id."""
    at = (identity.at - _EPOCH) // _MICROSECOND
    body = (
        at.to_bytes(_AT, "big")
        + identity.transaction_id.to_bytes(_NUMBER, "big")
        + root_hash(identity.table, identity.key)
        + _module_hash(identity.module)
    )
    return urlsafe_b64encode(body).decode().rstrip("=")


def root_hash(table: str, key: str) -> bytes:
    """Return the hash that ids have of a root entity: its table and its key as text."""
    return _hash(_ROOT, table, key)


def decode(text: str) -> Reference:
    """Return what an id tells. Raises UsageError for what cannot be one."""
    problem = UsageError(f"{text!r} is no id of an entry: copy one from `whochanged log --json`.")
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        # What decodes to the same bytes is not yet the same text.
        if urlsafe_b64encode(raw).decode().rstrip("=") != text:
            raise problem
        return _reference(raw) if len(raw) == _BYTES else decode(encode(_former(raw)))
    except (Error, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise problem from error


def _reference(raw: bytes) -> Reference:
    number = raw[_AT : _AT + _NUMBER]
    root = raw[_AT + _NUMBER : -_MODULE]
    at = _EPOCH + int.from_bytes(raw[:_AT], "big") * _MICROSECOND
    return Reference(at, int.from_bytes(number, "big"), root, raw[-_MODULE:])


def _former(raw: bytes) -> Identity:
    """Return what an id of the first form stands for, which spelt it out: links that were mailed still lead somewhere."""
    if crc32(raw[4:]).to_bytes(4, "big") != raw[:4]:
        raise ValueError(raw)
    at, transaction_id, module, table, key = json.loads(raw[4:])
    return Identity(_EPOCH + at * _MICROSECOND, int(transaction_id), str(module), str(table), str(key))


@lru_cache(maxsize=1024)
def _module_hash(module: str) -> bytes:
    return _hash(_MODULE, module)


def _hash(length: int, *parts: str) -> bytes:
    return sha256("\0".join(parts).encode()).digest()[:length]
