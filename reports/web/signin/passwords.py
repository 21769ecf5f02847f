"""Passwords: argon2id, a minimum length, and as much work for a name that nobody has as for one that somebody has."""

from __future__ import annotations

from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from capture.errors import UsageError
from reports.web.config import HashCost

SHORTEST = 15
LONGEST = 1024
"""Characters of a password. NIST SP 800-63B-4, 3.1.1.2: 15 where it is alone, and no rules of composition."""

_DIFFERENT = 5

_NOBODY = "a password that nobody has"


def check(password: str, name: str) -> str:
    """Return a new password of an account where it is usable. Raises UsageError where it is too short, too long, or easily guessed."""
    if len(password) < SHORTEST:
        raise UsageError(
            f"the password has {len(password)} characters: take at least {SHORTEST}, such as four random words"
        )
    if len(password) > LONGEST:
        raise UsageError(f"the password has {len(password)} characters: take at most {LONGEST}")
    if len(set(password)) < _DIFFERENT:
        raise UsageError(
            "the password is the same few characters again and again: take several words that have nothing to do with each other"
        )
    if name.casefold() in password.casefold() and len(password) - len(name) < SHORTEST:
        raise UsageError(
            "the password is little more than the name: take several words that have nothing to do with it"
        )
    return password


def hash_password(password: str, cost: HashCost) -> str:
    """Return the argon2id hash of a password, with its parameters and a salt of its own."""
    return _hasher(cost).hash(password)


def verify(password: str, kept: str | None, cost: HashCost) -> bool:
    """Return whether a password is the one that was hashed; *kept* is None for nobody, which takes as long and is never right."""
    try:
        _hasher(cost).verify(_nobody(cost) if kept is None else kept, password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def outdated(kept: str, cost: HashCost) -> bool:
    """Return whether a hash was made with other parameters than those of today."""
    return _hasher(cost).check_needs_rehash(kept)


@lru_cache(maxsize=4)
def _hasher(cost: HashCost) -> PasswordHasher:
    return PasswordHasher(cost.rounds, cost.memory, cost.lanes, hash_len=32, salt_len=16, type=Type.ID)


@lru_cache(maxsize=4)
def _nobody(cost: HashCost) -> str:
    return _hasher(cost).hash(_NOBODY)
