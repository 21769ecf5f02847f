"""Finding the SQL that the package keeps in `.sql` files."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import LiteralString, cast

_CHECKOUT = Path(__file__).resolve().parent.parent / "sql" / "queries"


@cache
def query(name: str) -> LiteralString:
    """Return the text of `sql/queries/<name>.sql`, from the wheel or from the checkout.

    The texts are ours, never a user's: that is what LiteralString promises to psycopg.
    """
    packaged = files("capture") / "sql" / "queries" / f"{name}.sql"
    source = packaged if packaged.is_file() else _CHECKOUT / f"{name}.sql"
    return cast("LiteralString", source.read_text(encoding="utf-8"))
