"""How a process that is left running logs: a line of text for each thing that happens, or one JSON object."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any, Literal

from pythonjsonlogger.json import JsonFormatter

if TYPE_CHECKING:
    from typing import TextIO

LOGGERS = ("capture", "reports", "whochanged")


def set_up(kind: Literal["text", "json"], stream: TextIO | None = None) -> None:
    """Log to standard error, or to *stream*, from now on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if kind == "json" else _line())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.handlers = [handler]
        logger.propagate = False
    # It would tell of every look that a long run made it skip.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def _line() -> logging.Formatter:
    """One line with its time in UTC, harmless to a terminal."""
    line = _Line("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    line.converter = time.gmtime
    return line


class _Line(logging.Formatter):
    """Lines in which control characters are made visible."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Return the line of a record; a traceback follows as it is."""
        from whochanged.output.safety import neutral

        return neutral(super().formatMessage(record))


class _Json(JsonFormatter):
    """One object a line: `time` (UTC, milliseconds), `level`, `logger`, `event`, `message`, then what the event has besides."""

    def __init__(self) -> None:
        super().__init__(json_ensure_ascii=True)

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Put the fields in their order; the extra ones of the record come last."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        log_data |= {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "event", "message"),
        }
        super().add_fields(log_data, record, message_dict)
