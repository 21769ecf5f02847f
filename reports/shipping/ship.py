"""Writing entries as lines, in the order of their transactions, and moving the cursor behind what is written.

A block is written and flushed first, and the cursor moved after that: who dies in between writes the block again. So each
entry is written at least once, under the same id, and none is missed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

import psycopg

from capture.catalogue.model import Catalogue
from capture.entries.describe import entries_of
from capture.errors import UsageError
from capture.model import Entry
from capture.window import Watermark, Window, forward, watermark
from reports.documents import ascii_line, entry_document
from reports.shipping.cursors import advance
from reports.shipping.ocsf import event

Form = Literal["ocsf", "json"]


class Sink(Protocol):
    """Where lines go. `write` returns when they are where no crash of this process can lose them."""

    def write(self, lines: bytes) -> None:
        """Write whole lines."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How an entry becomes a line: the form, and what events say of their origin."""

    form: Form
    product: str
    version: str
    database: str

    def line(self, entry: Entry) -> str:
        """Return the entry as one line of JSON in ASCII, its end included."""
        if self.form == "json":
            return ascii_line(entry_document(entry)) + "\n"
        return ascii_line(event(entry, product=self.product, version=self.version, database=self.database)) + "\n"


class Stream:
    """A stream that is open, such as standard output."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, lines: bytes) -> None:
        """Write and flush."""
        self._stream.write(lines)
        self._stream.flush()


class File:
    """A file to which lines are added. It may be moved away (logrotate): the next lines go to a new one of the same name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise UsageError(
                f"cannot write to {self._path} ({error.strerror}): choose another file with --out"
            ) from error
        found = os.fstat(self._fd)
        self._inode = (found.st_dev, found.st_ino)
        if stat.S_ISREG(found.st_mode):
            self._mend(found.st_size)

    def write(self, lines: bytes) -> None:
        """Write, and wait until the lines are on the disk."""
        self._follow()
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        if stat.S_ISREG(os.fstat(self._fd).st_mode):
            os.fsync(self._fd)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _follow(self) -> None:
        try:
            found = self._path.stat()
            moved = (found.st_dev, found.st_ino) != self._inode
        except FileNotFoundError:
            moved = True
        if moved:
            os.close(self._fd)
            self._open()

    def _mend(self, size: int) -> None:
        """Take away a line that a crash left unfinished: its entry is written again."""
        end = size
        while end > 0:
            start = max(end - 65536, 0)
            found = os.pread(self._fd, end - start, start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            os.ftruncate(self._fd, end)


def ship(
    conn: psycopg.Connection[Any],
    catalogue: Catalogue,
    name: str,
    begin: Watermark,
    shape: Shape,
    sink: Sink,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Watermark, int]:
    """Write all that is finished after *begin*, where the cursor stands; return where it stands now, and how many entries were written.

    The connection must commit each statement. `stop` is asked between blocks. Raises DatabaseError where another process moves the cursor.
    """
    place, written = begin, 0
    for after, block in forward(conn, Window(begin, watermark(conn))):
        if stop():
            break
        lines = [shape.line(entry) for entry in entries_of(conn, catalogue, block)]
        if lines:
            sink.write("".join(lines).encode("ascii"))
        # A block without a transaction moves nothing: what moves the cursor is a transaction too, and there would be no end of it.
        if block:
            reached = max(transaction.at for transaction, _ in block)
            advance(conn, name, place, after, len(lines), reached)
            place = after
        written += len(lines)
    return place, written
