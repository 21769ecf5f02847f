"""The table of what reading costs, as Markdown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.reading import Timed
    from bench.reading_log import Log

HEAD = """# What reading costs

Milliseconds: the processor time of program and server together, and in brackets the time that passed, which other work on the
machine makes longer. Pages have 50 entries, counts end at 2,000. Where several were measured, the 95th percentile.
The last lines are of commands: entries a second of the program's own processor time, and the most memory that it had.
`make bench-read` writes this page.
"""


def report(found: list[tuple[Log, dict[str, Timed], dict[str, str]]]) -> str:
    """Return the page."""
    logs = [log for log, _, _ in found]
    lines = [
        HEAD,
        f"{os.cpu_count()} processors; {logs[0].days} days; the load of the machine was {os.getloadavg()[1]:.0f}.",
        "",
    ]
    lines += [_row(["", *(f"{log.changes:,} changes" for log in logs)]), _row(["---", *("---:" for _ in logs)])]
    lines.append(_row(["entries", *(f"{log.entries:,}" for log in logs)]))
    lines.append(_row(["log, MB", *(f"{log.log_bytes / 1e6:,.0f}" for log in logs)]))
    lines.append(_row(["index of entries, MB", *(f"{log.index_bytes / 1e6:,.0f}" for log in logs)]))
    lines.append(
        _row(["entries indexed a second of the program's time", *(f"{log.entries_a_second:,.0f}" for log in logs)])
    )
    lines.append(
        _row(["**first page, all filters and pairs, p95**", *(_all(timed, "page: ") for _, timed, _ in found)])
    )
    names = list(dict.fromkeys(name for _, timed, _ in found for name in timed))
    lines += [_row([name, *(_cell(timed.get(name)) for _, timed, _ in found)]) for name in names]
    commands = list(dict.fromkeys(name for _, _, run in found for name in run))
    lines += [_row([f"whochanged: {name}", *(run[name] for _, _, run in found)]) for name in commands]
    return "\n".join(lines) + "\n"


def _all(timed: dict[str, Timed], prefix: str) -> str:
    from bench.reading import Timed

    pages = [each for name, each in timed.items() if name.startswith(prefix)]
    every = Timed([one for each in pages for one in each.passed], [one for each in pages for one in each.worked])
    return f"**{_cell(every)}**"


def _cell(timed: Timed | None) -> str:
    return "over 60 s" if timed is None else f"{timed.p95('worked'):,.0f} ({timed.p95('passed'):,.0f})"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
