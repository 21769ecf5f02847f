"""Entries for programs, as the commands print them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from reports.export import CSV_COLUMNS, change_text, csv_lines, entry_document, json_lines, to_json, utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from capture.model import Entry

__all__ = ["CSV_COLUMNS", "change_text", "entry_document", "to_json", "utc", "write_csv", "write_json_lines"]


def write_json_lines(entries: Iterable[Entry], out: TextIO) -> int:
    """Write each entry as one line; gives their number."""
    return _write(json_lines(entries), out)


def write_csv(entries: Iterable[Entry], out: TextIO) -> int:
    """Write a heading and one row an entry; gives the number of entries."""
    return _write(csv_lines(entries), out) - 1


def _write(lines: Iterable[str], out: TextIO) -> int:
    count = 0
    for line in lines:
        out.write(line)
        count += 1
    return count
