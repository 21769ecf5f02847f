"""The log's own tables in words: every catalogue knows them, whatever else it knows."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files

from capture.catalogue.loading import load
from capture.catalogue.model import Catalogue

SCHEMA = "audit."

_REMEMBERED = 16
_WITH_OWN: dict[int, tuple[Catalogue, Catalogue]] = {}
"""A program reads with the same catalogue again and again, and checking one takes milliseconds."""


@cache
def own_catalogue() -> Catalogue:
    """Return the catalogue of the log's own tables."""
    with as_file(files("capture") / "catalogues" / "audit_log.toml") as path:
        return load(path)


def with_own(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue with the log's own tables in it, after its own modules; unchanged where it has them."""
    known = _WITH_OWN.get(id(catalogue))
    if known is not None and known[0] is catalogue:
        return known[1]
    both = catalogue
    if not any(table.name.startswith(SCHEMA) for table in catalogue.table):
        both = catalogue.with_tables((*catalogue.table, *own_catalogue().table))
    if len(_WITH_OWN) >= _REMEMBERED:
        _WITH_OWN.clear()
    _WITH_OWN[id(catalogue)] = (catalogue, both)
    return both
