"""The id of an entry: opaque, short enough for a link, and the same after every upgrade and catalogue edit."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zlib import crc32

from capture.errors import UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """What an id stands for. The time is part of it: transaction numbers start anew after a restore elsewhere."""

    at: datetime
    transaction_id: int
    module: str
    table: str
    key: str


def encode(identity: Identity) -> str:
    """Return the id."""
    at = (identity.at - _EPOCH) // _MICROSECOND
    body = json.dumps(
        [at, identity.transaction_id, identity.module, identity.table, identity.key], ensure_ascii=False
    ).encode()
    return urlsafe_b64encode(crc32(body).to_bytes(4, "big") + body).decode().rstrip("=")


def decode(text: str) -> Identity:
    """Return what an id stands for. Raises UsageError for anything that `encode` did not make."""
    problem = UsageError(f"{text!r} is no id of an entry: copy one from `whochanged log --json`.")
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if crc32(raw[4:]).to_bytes(4, "big") != raw[:4]:
            raise problem
        at, transaction_id, module, table, key = json.loads(raw[4:])
        return Identity(_EPOCH + at * _MICROSECOND, int(transaction_id), str(module), str(table), str(key))
    except (Error, ValueError, TypeError, OverflowError) as error:
        raise problem from error
