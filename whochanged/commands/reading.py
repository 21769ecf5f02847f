"""From options to what the reading commands ask of the log."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capture.errors import UsageError
from whochanged.output.times import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from capture.catalogue import Catalogue
    from capture.filters import Filters
    from capture.model import ChangeType


def filters(
    *,
    zone: tzinfo,
    limit: int | None,
    since: str | None = None,
    until: str | None = None,
    modules: Sequence[str] | None = None,
    types: Sequence[ChangeType] | None = None,
    actors: Sequence[str] | None = None,
    actor_kind: str | None = None,
    sensitivity: str | None = None,
    entity: str | None = None,
    account: str | None = None,
    search: str | None = None,
    row: tuple[str, str] | None = None,
) -> Filters:
    """The filters that the options mean."""
    from capture.filters import Filters

    now = datetime.now(UTC).astimezone(zone)
    first = None if since is None else moment(since, option="--since", now=now, end=False)
    last = None if until is None else moment(until, option="--until", now=now, end=True)
    if first is not None and last is not None and first >= last:
        message = f"--since {since} is not before --until {until}: nothing can be between them"
        raise UsageError(message)
    return Filters(
        since=first,
        until=last,
        modules=tuple(modules or ()),
        types=tuple(types or ()),
        actors=tuple(actors or ()),
        actor_kind=actor_kind,
        sensitivity=sensitivity,
        entity=entity,
        account=account,
        search=search,
        limit=limit,
        row=row,
    )


def catalogue_of(connection: psycopg.Connection[Any], path: str | None) -> Catalogue:
    """The catalogue to speak with: the named file, else the one that was installed, else one without tables."""
    from capture.catalogue import Catalogue, load
    from capture.catalogue.installing import installed_catalogue

    if path is not None:
        return load(Path(path))
    return installed_catalogue(connection) or Catalogue(name="none")
