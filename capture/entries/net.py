"""The net effect of a transaction on each row: what was inserted and deleted again, or changed and back, is nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from capture.catalogue.model import Catalogue, Table
from capture.entries.order import as_applied, key_before, key_text
from capture.entries.values import HIDDEN, words
from capture.model import Change, Json, Row

Kind = Literal["I", "U", "D"]


@dataclass(slots=True, eq=False)
class Delta:
    """The net change of one row. `old` and `new` are all values known from before and after; `changed` names what differs.

    `former_root` (table and key) and `former_account` are what the row was taken away from; None where it stayed.
    `hidden` rows get no sentence: another one's speaks for them, and they stand in `told_by.followers` or `.shifted`.
    """

    table: Table
    kind: Kind
    key: Row | None
    old: dict[str, Json]
    new: dict[str, Json]
    changed: set[str]
    root_table: str
    root_key: Row | None
    account: str | None
    first: int
    last: int
    hidden: bool = False
    told_by: Delta | None = None
    followers: list[Delta] = field(default_factory=list)
    shifted: list[Delta] = field(default_factory=list)
    moved: bool = False
    caused_by: Delta | None = None
    former_root: tuple[str, Row] | None = None
    former_account: str | None = None

    @property
    def now(self) -> dict[str, Json]:
        """The row as it is after the transaction; as it was, when it is gone."""
        return self.old if self.gone else self.new

    @property
    def gone(self) -> bool:
        """Whether the transaction deleted the row, if only by its soft-delete column."""
        return self.kind == "D" or self.soft == "deleted"

    @property
    def is_root(self) -> bool:
        """Whether the row is the entity itself, not a part of one."""
        return self.root_table == self.table.name

    @property
    def soft(self) -> Literal["deleted", "restored"] | None:
        """Whether the update deleted or restored the row by its soft-delete column (mapping rule 20)."""
        column = self.table.soft_delete
        if self.kind != "U" or column not in self.changed:
            return None
        before, after = _gone(self.old.get(column)), _gone(self.new.get(column))
        return None if before == after else ("deleted" if after else "restored")

    @property
    def was_gone(self) -> bool:
        """Whether the row was soft-deleted before the transaction."""
        return self.table.soft_delete is not None and _gone(self.old.get(self.table.soft_delete))


def _gone(value: Json) -> bool:
    return value is not None and value is not False


def described(catalogue: Catalogue, name: str) -> Table:
    """Return the catalogue's block for a table; one made from its name, in module Other, where there is none."""
    return catalogue.by_name.get(name) or _undescribed(name)


@lru_cache(maxsize=1024)
def _undescribed(name: str) -> Table:
    noun = words(name.rpartition(".")[2])
    singular = noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun
    # Unchecked: a name in the log may hold more dots than a catalogue may write.
    return Table.model_construct(name=name, entity=singular, plural=noun)


def net(changes: Iterable[Change], catalogue: Catalogue) -> list[Delta]:
    """Return the rows that the changes of one transaction left different, in the order of their first change."""
    rows: list[Delta] = []
    current: dict[tuple[str, str], Delta] = {}
    for change in as_applied(changes):
        table = described(catalogue, change.table)
        if table.key_value:
            _setting(change, table, rows, current)
            continue
        before_key = key_before(change)
        at = (change.table, key_text(before_key)) if before_key is not None else None
        delta = current.pop(at, None) if at else None
        if delta is None:
            delta = _begin(change, table)
            rows.append(delta)
        else:
            _continue(delta, change)
        if change.key is not None:
            current[change.table, key_text(change.key)] = delta
    return [delta for delta in rows if _settle(delta)]


def _begin(change: Change, table: Table) -> Delta:
    return Delta(
        table=table,
        kind={"INSERT": "I", "UPDATE": "U", "DELETE": "D"}[change.operation],  # type: ignore[arg-type]
        key=change.key,
        old=change.before(),
        new=change.after(),
        changed=set(change.old or {}) | set(change.new or {}),
        root_table=change.root_table or change.table,
        root_key=change.root_key if change.root_key is not None else change.key,
        account=change.account,
        first=change.id,
        last=change.id,
        former_root=_former_root(change),
        former_account=change.former_account,
    )


def _former_root(change: Change) -> tuple[str, Row] | None:
    if change.former_root_table is None or change.former_root_key is None:
        return None
    return change.former_root_table, change.former_root_key


def _continue(delta: Delta, change: Change) -> None:
    """Add a later change of the same row. A row that is deleted and inserted again under its key was updated."""
    delta.last = change.id
    delta.key = change.key
    _move(delta, change)
    delta.changed |= set(change.old or {}) | set(change.new or {})
    existed = delta.kind in ("U", "D")
    if change.operation == "DELETE":
        # What earlier updates did not tell of the row's start, its end tells.
        delta.old = {**change.before(), **delta.old} if existed else {}
        delta.new = {}
        delta.kind = "D" if existed else "I"
    else:
        if existed:
            unchanged = {column: value for column, value in change.before().items() if column not in delta.changed}
            delta.old = {**unchanged, **delta.old}
        delta.new = {**delta.new, **change.after()} if delta.new else change.after()
        delta.kind = "U" if existed else "I"


def _move(delta: Delta, change: Change) -> None:
    """Follow the row to the entity and the account of its later change, and keep what it was taken away from first."""
    root_table, root_key = change.root_table or change.table, change.root_key
    if delta.former_root is None:
        delta.former_root = _former_root(change)
        if delta.former_root is not None:
            delta.former_account = change.former_account
        elif (
            change.operation == "INSERT"
            and root_key != change.key
            and delta.root_key is not None
            and ((root_table, root_key) != (delta.root_table, delta.root_key))
        ):
            # Deleted here and inserted there under the same key.
            delta.former_root, delta.former_account = (delta.root_table, delta.root_key), delta.account
        else:
            delta.former_account = delta.former_account or change.former_account
    delta.root_table, delta.root_key = root_table, root_key
    delta.account = change.account


def _settle(delta: Delta) -> bool:
    """Reduce `changed` to what differs in the end; return whether anything does (mapping rule 19)."""
    if delta.kind == "I":
        # Where it was meanwhile is nobody's to know.
        delta.former_root = delta.former_account = None
        return bool(delta.new)
    if delta.kind == "D":
        if delta.former_root is not None:
            (delta.root_table, delta.root_key), delta.account = delta.former_root, delta.former_account
        elif delta.former_account is not None:
            delta.account = delta.former_account
        delta.former_root = delta.former_account = None
        return bool(delta.old)
    if delta.former_root == (delta.root_table, delta.root_key):
        delta.former_root = None
    if delta.former_root is None and delta.former_account == delta.account:
        delta.former_account = None
    ignored = set(delta.table.ignored)
    delta.changed = {
        column
        for column in delta.changed - ignored
        if delta.old.get(column) != delta.new.get(column) or delta.new.get(column) == HIDDEN
    }
    return bool(delta.changed)


def _setting(change: Change, table: Table, rows: list[Delta], current: dict[tuple[str, str], Delta]) -> None:
    """Turn a row of a key-value table into a column of one row that holds all settings of its account (mapping rule 21)."""
    key_value = table.key_value
    if key_value is None:
        return
    both = {**change.before(), **change.after()}
    name = str(both.get(key_value.key))
    before, after = change.before().get(key_value.value), change.after().get(key_value.value)
    account = both.get(table.account) if table.account else None
    root = {table.account: account} if table.account else {"name": "settings"}
    at = (table.name, f"settings of {account}")
    delta = current.get(at)
    if delta is None:
        start = dict(root)
        delta = Delta(
            table, "U", root, start, dict(start), set(), table.name, root, change.account, change.id, change.id
        )
        current[at] = delta
        rows.append(delta)
    delta.last = change.id
    delta.changed.add(name)
    delta.old.setdefault(name, before)
    delta.new[name] = after
