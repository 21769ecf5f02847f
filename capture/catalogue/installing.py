"""Putting a catalogue to work: its tables are tracked, and the views learn their modules and labels."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from capture.catalogue.checking import Columns, check, columns_of
from capture.catalogue.loading import from_json
from capture.catalogue.model import Catalogue, Table
from capture.entries.values import is_secret
from capture.errors import ConfigurationError, DatabaseError
from capture.patience import patiently
from capture.renames import watched, with_renames
from capture.resources import query


def install_catalogue(conn: psycopg.Connection[Any], catalogue: Catalogue) -> list[str]:
    """Track every table of the catalogue and return their names; what was installed before is brought up to date.

    Raises, before anything is written, ConfigurationError where the catalogue names what the database does not have, and
    DatabaseError where one of its tables cannot be tracked.
    Each table is tracked in a transaction of its own, so that no writer waits for a table while another one is busy: where that
    fails, do it again. Inside a transaction of the caller all is part of it.
    """
    ours = conn.info.transaction_status == TransactionStatus.IDLE
    tables = columns_of(conn)
    check_trackable(conn, catalogue)
    check(catalogue, tables)
    before, present = _kept(conn), watched(conn)
    catalogue = with_renames(catalogue, before, present)
    if ours:
        conn.rollback()  # ends what reading began
    if before is not None and any(each.renamed for each in present):
        # Tracking notes the present names: those of before are kept first, should it not come to the end.
        patiently(conn, partial(_keep_text, conn, with_renames(before, before, present)))
    for table in parents_first(catalogue):
        arguments = _arguments(catalogue, table, tables)
        patiently(conn, partial(conn.execute, query("catalogue_track"), arguments))
    patiently(conn, partial(_keep, conn, catalogue, tables))
    patiently(conn, partial(conn.execute, query("analyze_registry")))
    return [table.name for table in catalogue.table if table.kind == "tracked"]


def check_trackable(conn: psycopg.Connection[Any], catalogue: Catalogue) -> None:
    """Raise DatabaseError, which names every table of the catalogue that this connection may not or cannot put under watch."""
    names = [table.name for table in catalogue.table]
    given = {"names": names, "registered": [registered(catalogue, table) for table in catalogue.table]}
    with conn.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        refused = [f"{name} {reason}" for name, reason in cursor.execute(query("catalogue_trackable"), given) if reason]
    if refused:
        raise DatabaseError("; ".join(refused))


def untracked(conn: psycopg.Connection[Any], catalogue: Catalogue) -> list[str]:
    """Return the tables of the catalogue that are not under watch."""
    with conn.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        return [
            row[0] for row in cursor.execute(query("untracked"), {"names": [table.name for table in catalogue.table]})
        ]


def _keep(conn: psycopg.Connection[Any], catalogue: Catalogue, tables: Columns) -> None:
    """Tell the views and the next program what the catalogue says."""
    with conn.cursor() as cursor:
        cursor.execute(query("catalogue_forget"))
        for table in catalogue.table:
            if table.kind == "tracked":
                _describe(cursor, catalogue, table, tables)
    _keep_text(conn, catalogue)


def _keep_text(conn: psycopg.Connection[Any], catalogue: Catalogue) -> None:
    conn.execute(query("catalogue_keep"), {"catalogue": catalogue.model_dump_json(exclude_defaults=True)})


def _kept(conn: psycopg.Connection[Any]) -> Catalogue | None:
    """Return the catalogue of the last installation; None too where this version does not understand it, for it is to be replaced."""
    try:
        return installed_catalogue(conn)
    except ConfigurationError:
        return None


def installed_catalogue(conn: psycopg.Connection[Any]) -> Catalogue | None:
    """Return the catalogue that `install_catalogue` put to work last, None where none was."""
    with conn.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
        cursor.execute("SELECT to_regclass('audit.catalogue') IS NOT NULL")
        if cursor.fetchone() != (True,):
            return None
        row = cursor.execute(query("catalogue_kept")).fetchone()
    return _understood(row[0]) if row else None


@lru_cache(maxsize=4)
def _understood(text: str) -> Catalogue:
    """Return a catalogue as it was kept; the same object for the same text, for much is worked out of it once."""
    return from_json(text)


def parents_first(catalogue: Catalogue) -> list[Table]:
    """Return the tables so that none stands before its parent: capture needs the parent's registry."""
    done: dict[str, Table] = {}

    def visit(table: Table, above: tuple[str, ...]) -> None:
        parent = catalogue.by_name.get(table.parent.table) if table.parent else None
        if parent and parent.name not in (*done, *above):
            visit(parent, (*above, table.name))
        done.setdefault(table.name, table)

    # Label tables first: the lookups of the others need their rows in the registry.
    for table in sorted(catalogue.table, key=lambda table: table.kind != "label"):
        visit(table, ())
    return list(done.values())


def masked_columns(table: Table, columns: tuple[str, ...]) -> list[str]:
    """Return the columns whose values are never stored: those the catalogue names, else those that are named like secrets."""
    secret = [column for column, words in table.columns.items() if words.secret]
    if table.masked is not None:
        return sorted({*table.masked, *secret})
    return sorted({*secret, *(column for column in columns if is_secret(column))})


def _says_secret(table: Table) -> bool:
    return any(words.secret for words in table.columns.values())


def about_columns(catalogue: Catalogue, table: Table, columns: tuple[str, ...]) -> list[str]:
    """Return the unchanged columns that are kept with every change, because names and sentences need them."""
    hidden = {*table.ignored, *masked_columns(table, columns)}
    if table.about == "*":
        return [column for column in columns if column not in hidden]
    wanted = {*(table.about or ())}
    wanted |= {column for column in (table.label, table.account, table.soft_delete) if column}
    wanted |= set(table.parent.columns) if table.parent else set()
    # What others look up here.
    targets = [target for other in catalogue.table for target in other.lookups.values()]
    targets += [field.lookup for field in catalogue.fields.values() if field.lookup]
    wanted |= {target.rpartition(".")[2] for target in targets if target.rpartition(".")[0] == table.name}
    return [column for column in columns if column in wanted - hidden]


def registered(catalogue: Catalogue, table: Table) -> bool:
    """Return whether others refer to the rows of this table, as parent or by lookup."""
    if table.kind == "label":
        return True
    if any(other.parent and other.parent.table == table.name for other in catalogue.table):
        return True
    targets = [target for other in catalogue.table for target in other.lookups.values()]
    targets += [field.lookup for field in catalogue.fields.values() if field.lookup]
    return any(target.rpartition(".")[0] == table.name for target in targets)


def _quoted(name: str) -> str:
    """Return 'schema.table' as SQL reads it, each part quoted."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def _arguments(catalogue: Catalogue, table: Table, tables: Columns) -> dict[str, Any]:
    columns = tables[table.name]
    parent = table.parent
    return {
        "table": _quoted(table.name),
        "key_columns": list(table.key) if table.key else None,
        "ignored": list(table.ignored),
        # Capture itself knows what looks like a secret, and spares keys; a list replaces that.
        "masked": masked_columns(table, columns) if table.masked is not None or _says_secret(table) else None,
        "about": about_columns(catalogue, table, columns),
        "label_column": table.label,
        "account_column": table.account,
        "parent_table": _quoted(parent.table) if parent else None,
        "parent_columns": list(parent.columns) if parent else None,
        "kind": table.kind,
        "registered": registered(catalogue, table),
        "failure": table.failure,
    }


def _root(catalogue: Catalogue, table: Table) -> str:
    """Return the table at the top of the parents: the one whose rows are the entities."""
    seen = [table.name]
    while table.parent and table.parent.table in catalogue.by_name and table.parent.table not in seen:
        table = catalogue.by_name[table.parent.table]
        seen.append(table.name)
    return table.name


def _describe(cursor: psycopg.Cursor[Any], catalogue: Catalogue, table: Table, tables: Columns) -> None:
    """Tell the views the modules and labels of one table."""
    root = catalogue.by_name[_root(catalogue, table)]
    cursor.execute(
        query("catalogue_describe_table"),
        {
            "table_name": table.name,
            "module": table.module,
            "entity": root.entity,
            "label_column": table.label,
            "root": root.name,
            "soft_delete_column": table.soft_delete,
        },
    )
    for column in tables[table.name]:
        words = table.column(column)
        cursor.execute(
            query("catalogue_describe_column"),
            {
                "table_name": table.name,
                "column_name": column,
                "module": words.module,
                "label": words.label or column.removesuffix("_id").replace("_", " "),
            },
        )
