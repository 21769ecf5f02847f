"""Who changed what in our configuration, when, from where, from what to what: for any PostgreSQL database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from capture.context import actor

__all__ = ["actor"]


def __getattr__(name: str) -> Any:
    """Load the public names when they are first asked for."""
    if name == "actor":
        from capture.context import actor

        return actor
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
