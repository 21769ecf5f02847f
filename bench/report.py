"""The table that a run writes."""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

AIMS = {"insert": "at most 4x", "update": "at most 5x", "delete": "", "one-row, 1": "at least 0.55x", "one-row, 8": ""}


@dataclass
class Figures:
    """What was measured: by case and table, one value a round."""

    version: str
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    values: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, case: str, table: str, value: float) -> None:
        """Keep the value of one round."""
        self.values[case, table].append(value)

    def median(self, case: str, table: str) -> float:
        """The middle value of the rounds."""
        return median(self.values[case, table])


def report(figures: Figures, rows: int, rounds: int, version: str) -> str:
    """The table as Markdown."""
    lines = [
        "# What capture costs",
        "",
        (
            f"`make bench`, PostgreSQL {version}, {os.cpu_count()} CPUs ({platform.machine()}): a table of 12 columns, "
            f"{rows:,} rows a statement, medians of {rounds} interleaved rounds of one run. "
            "Trust the ratios: the times are those of one machine, and nothing waits for its disk (fsync off)."
            f" The load average was {figures.load:.1f} before the run; a busy machine makes the ratios unsure."
            " Where commits wait for a disk, one-row ratios are better."
        ),
        "",
        "| | without | with triggers | ratio | aim |",
        "|---|---|---|---|---|",
    ]
    for case in ("insert", "update", "delete"):
        bare, tracked = (figures.median(case, table) for table in ("bare", "tracked"))
        lines.append(f"| bulk {case}, µs a row | {bare:.1f} | {tracked:.1f} | {tracked / bare:.1f}x | {AIMS[case]} |")
    floors = []
    for clients in (1, 8):
        case = f"one-row, {clients}"
        bare, floor, tracked = (figures.median(case, table) for table in ("bare", "floor", "tracked"))
        who = "1 client" if clients == 1 else f"{clients} clients"
        lines.append(
            f"| one-row updates, {who}, a second | {bare:,.0f} | {tracked:,.0f} | {tracked / bare:.2f}x | {AIMS[case]} |"
        )
        floors.append(f"{who} {floor / bare:.2f}x")
    lines += [
        "",
        (
            "The floor of one-row updates, a trigger that only reads the two images and writes two constant rows "
            f"(bench/floor.sql), keeps {', '.join(floors)} of the bare throughput."
        ),
    ]
    lines += ["", "| bytes a change, with indexes | |", "|---|---|"]
    lines += [
        f"| {case} | {figures.median(f'bytes, {case}', 'tracked'):.0f} |" for case in ("insert", "update", "delete")
    ]
    lines += ["", "An insert and a delete keep all 12 columns, the update two.", ""]
    return "\n".join(lines)
