"""The table that a run writes."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence

from bench.contenders import Contender
from bench.figures import Figures
from bench.workloads import BULK

Cell = Callable[[Figures, str, str], str]

ONE_ROW = {
    "one-row 1 off": "1 client",
    "one-row 8 off": "8 clients",
    "one-row 1 on": "1 client, commits wait",
    "one-row 8 on": "8 clients, commits wait",
}


def report(figures: Figures, chosen: Sequence[Contender], rows: int, rounds: int) -> str:
    """The tables as Markdown."""
    peers = f" Peers: {', '.join(figures.peers)}." if figures.peers else ""
    lines = [
        "# What capture costs, beside its peers",
        "",
        (
            f"`make bench`, PostgreSQL {figures.version}, {os.cpu_count()} CPUs ({platform.machine()}).{peers} {rows:,} rows a statement, "
            f"medians of {rounds} interleaved rounds of one run after one to warm up; ± is the farthest round from the median. "
            "Each contender has a database of its own on the same server, this log its 104 daily partitions. Trust the ratios, which "
            "compare what ran in the same round: the times are those of one machine. "
            f"The load average was {figures.load:.1f} before the run; a busy machine makes the ratios unsure."
        ),
        "",
        "## Statements over many rows",
        "",
        "Times the bare statement's time; in the first line its microseconds a row.",
        "",
        *_table(
            figures, [one for one in chosen if not one.one_row_only], [(bulk.key, bulk.title) for bulk in BULK], _times
        ),
        "",
        "*INSERT of ready-made rows* is the floor: the bare statement, and an INSERT of the rows that this log writes for it.",
        "",
        "## Transactions of one row",
        "",
        (
            "Share of the bare throughput that is left; in the first line transactions a second. "
            "`synchronous_commit` is off and nothing waits for the disk (fsync off), except where it says that commits wait."
        ),
        "",
        *_table(figures, [one for one in chosen if not one.bulk_only], list(ONE_ROW.items()), _share),
        "",
        "## Bytes a change, with indexes and TOAST",
        "",
        *_table(
            figures,
            [one for one in chosen if one.log and not one.one_row_only],
            [(f"bytes {bulk.key}", bulk.title) for bulk in BULK],
            lambda figures, workload, contender: f"{figures.median(workload, contender):,.0f}",
        ),
        "",
    ]
    return "\n".join(lines)


def _table(figures: Figures, rows: Sequence[Contender], columns: Sequence[tuple[str, str]], cell: Cell) -> list[str]:
    lines = ["| | " + " | ".join(title for _, title in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for contender in rows:
        cells = [cell(figures, key, contender.key) if figures.has(key, contender.key) else "" for key, _ in columns]
        lines.append(f"| {contender.title} | " + " | ".join(cells) + " |")
    return lines


def _times(figures: Figures, workload: str, contender: str) -> str:
    spread = f" ±{figures.spread(workload, contender):.0%}"
    if contender == "bare":
        return f"{figures.median(workload, contender):,.1f} µs{spread}"
    return f"{figures.ratio(workload, contender):.1f}x{spread}"


def _share(figures: Figures, workload: str, contender: str) -> str:
    spread = f" ±{figures.spread(workload, contender):.0%}"
    if contender == "bare":
        return f"{figures.median(workload, contender):,.0f}{spread}"
    return f"{figures.ratio(workload, contender):.2f}x{spread}"
