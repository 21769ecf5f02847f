"""What `whochanged reconcile` says of each difference and each table, a line each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from whochanged.output.safety import neutral

if TYPE_CHECKING:
    from capture.model import Json
    from capture.reconcile import Compared, Difference

_LONGEST = 60


def _text(value: Json) -> str:
    said = json.dumps(value, ensure_ascii=False, default=str)
    return f"{said[:_LONGEST]}…" if len(said) > _LONGEST else said


def difference_line(found: Difference) -> str:
    """One difference: table, key, and what the log says against what the table has."""
    if not found.key:
        rows = f"{found.rows:,} {'row' if found.rows == 1 else 'rows'}"
        if found.kind == "missing":
            return neutral(
                f"{found.table}: {rows} missing of {_text(found.log_says)}: the log says that there are more"
            )
        return neutral(
            f"{found.table}: {rows} unexpected of {_text(found.table_has)}: the log says that there are fewer"
        )
    row = f"{found.table} {', '.join(f'{name} {_text(value)}' for name, value in found.key.items())}"
    if found.kind == "missing":
        return neutral(f"{row}: missing, the log says that there is such a row")
    if found.kind == "unexpected":
        return neutral(f"{row}: unexpected, the log does not know of this row")
    return neutral(f"{row}: {found.column}: log says {_text(found.log_says)}, table has {_text(found.table_has)}")


def compared_line(found: Compared) -> str:
    """What became of one table, and what to do."""
    number = f"{found.differences:,} {'difference' if found.differences == 1 else 'differences'}"
    if found.accepted is not None:
        with_what = f"not compared: {found.reason}" if found.reason else number
        return neutral(f"{found.table}: its {found.accepted:,} present rows are the baseline now ({with_what})")
    if found.reason is not None:
        return neutral(f"{found.table}: not compared: {found.reason}{_cure(found)}")
    left = f" (without {', '.join(found.left_out)}, which the baseline does not have)" if found.left_out else ""
    if found.differences:
        return neutral(
            f"{found.table}: {number}{left}; to accept them run  whochanged reconcile --rebase {found.table}"
        )
    return neutral(f"{found.table}: agrees with the log{left}")


def _cure(found: Compared) -> str:
    return f"; run  whochanged reconcile --rebase {found.table}" if found.curable else ""
