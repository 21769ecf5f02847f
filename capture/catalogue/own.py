"""The log's own tables in words: every catalogue knows them, whatever else it knows."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files

from capture.catalogue.loading import load
from capture.catalogue.model import Catalogue

SCHEMA = "audit."


@cache
def own_catalogue() -> Catalogue:
    """Return the catalogue of the log's own tables."""
    with as_file(files("capture") / "catalogues" / "audit_log.toml") as path:
        return load(path)


def with_own(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue with the log's own tables in it, after its own modules; unchanged where it has them."""
    if any(table.name.startswith(SCHEMA) for table in catalogue.table):
        return catalogue
    return catalogue.with_tables((*catalogue.table, *own_catalogue().table))
