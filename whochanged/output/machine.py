"""Entries for programs, on standard output: JSON lines and CSV, as `reports.export` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from reports.export import CSV_COLUMNS, csv_lines, entry_document, json_lines, to_json, utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from capture.model import Entry

__all__ = ["CSV_COLUMNS", "entry_document", "to_json", "utc", "write_csv", "write_json_lines"]


def write_json_lines(entries: Iterable[Entry], out: TextIO) -> int:
    """Write each entry as one line; gives their number."""
    count = 0
    for line in json_lines(entries):
        out.write(line)
        count += 1
    return count


def write_csv(entries: Iterable[Entry], out: TextIO) -> int:
    """Write a heading and one row an entry; gives the number of entries."""
    count = -1
    for line in csv_lines(entries):
        out.write(line)
        count += 1
    return count
