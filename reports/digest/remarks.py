"""What a digest remarks about itself, in two sorts: what it could not see, and what is merely good to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from reports import safety
from reports.digest.when import Calendar

NOTES_SHOWN = 6
NOTE = 400


class Unseen(str):
    """A note about something that the digest could not see: it stands first, as a warning."""

    __slots__ = ()


def said(notes: Sequence[str], *, unseen: bool) -> tuple[str, ...]:
    """Return the notes of one sort, harmless, and where there are too many how many more there are."""
    found = [safety.line(note, NOTE) for note in notes if isinstance(note, Unseen) == unseen]
    if len(found) > NOTES_SHOWN:
        more = len(found) - NOTES_SHOWN + 1
        found[NOTES_SHOWN - 1 :] = [f"And {more:,} more remarks that do not fit here."]
    return tuple(found)


def outside(span: Calendar, earliest: datetime, latest: datetime, cut_at: datetime) -> Iterator[str]:
    """Yield what must be said where entries lie outside of the time that the digest names."""
    if latest >= span.end and cut_at > span.end:
        local = cut_at.astimezone(span.zone)
        # The end is the first moment after the span: at midnight it is on a day that the heading does not name.
        last = (span.end.astimezone(UTC) - timedelta(microseconds=1)).astimezone(span.zone).date()
        moment = span.moment(cut_at)
        day = "" if local.date() == last else f" on {span.style.day(local)}"
        clock = f"{moment.clock} {moment.offset}" if moment.offset else moment.clock
        yield f"Cut{day} at {clock}: changes until then are told here."
    if earliest < span.start:
        yield "Changes from before this time are told here too: no digest could tell them earlier."
