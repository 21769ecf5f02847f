"""The values that pass between the parts: what was captured, and what people read of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, Final, Literal

Json = Any
"""A JSON value as `json.loads(..., parse_float=Decimal)` gives it: numbers never lose digits."""

Row = Mapping[str, Any]


class Unknown(Enum):
    """A value that nothing tells: not NULL, which is known to be nothing."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN

Operation = Literal["INSERT", "UPDATE", "DELETE", "TRUNCATE"]
ActorKind = Literal["user", "system", "database"]
ActorTrust = Literal["claimed", "vouched"]


class ChangeType(StrEnum):
    """The three words of the documented page (mapping rule 26); there is no fourth."""

    CREATED = "Created"
    UPDATED = "Updated"
    DELETED = "Deleted"


@dataclass(frozen=True, slots=True)
class Transaction:
    """One committed database transaction that changed a tracked table.

    `actor` is None where the application set none; `at` is the transaction's start, in UTC.
    `signature` says what those of actor and context were worth: "valid:KEY", "expired:KEY", "invalid", None without one.
    `gateway`: the database user was a trusted gateway then; `marked`: a gateway or a key was known by then, so that names that
    nothing vouches for are marked.
    """

    transaction_id: int
    at: datetime
    actor: str | None
    context: Mapping[str, Json]
    database_user: str
    role: str | None
    application: str | None
    client_addr: str | None
    signature: str | None = None
    gateway: bool = False
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One captured row change, as `audit.change` keeps it.

    `table` is 'schema.table', unquoted, and names the tracked root table.
    `key` has the key columns after the change (before it, for DELETE); None without a key.
    `old` and `new` have the changed columns only (all of them for DELETE and INSERT).
    `about` has unchanged columns that name the entity: label, parent key, account, phrases' needs.
    `root_table` and `root_key` name the entity that the row belongs to (its own, where it is a root).
    `degraded` makes it no change of a row, but what could not be logged of a statement: `rows`, `sqlstate`, `message`, and the
    `columns` that are missing, where the rest of its rows is there.
    """

    id: int
    transaction_id: int
    at: datetime
    table: str
    operation: Operation
    key: Row | None
    old: Row | None
    new: Row | None
    about: Row = field(default_factory=dict)
    root_table: str = ""
    root_key: Row | None = None
    account: str | None = None
    former_root_table: str | None = None
    former_root_key: Row | None = None
    former_account: str | None = None
    partition: tuple[str, ...] = ()
    degraded: Row | None = None

    def before(self) -> dict[str, Json]:
        """Every column value known from before the change; empty for INSERT."""
        if self.operation == "INSERT":
            return {}
        return {**(self.key or {}), **self.about, **(self.old or {})}

    def after(self) -> dict[str, Json]:
        """Every column value known from after the change; empty for DELETE and TRUNCATE."""
        if self.operation in ("DELETE", "TRUNCATE"):
            return {}
        return {**self.about, **(self.key or {}), **(self.new or {})}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One line of before and after: `label` is the column in words, the values are as people read them."""

    table: str
    key: Row | None
    field: str
    label: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a change came from, as the server saw it; `request_id` and `other_actors` are an application's word.

    `other_actors` are those that the transaction named after its first one. `signature` is that of Transaction.
    """

    database_user: str
    application: str | None
    client_addr: str | None
    request_id: str | None
    other_actors: tuple[str, ...] = ()
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One save of one entity, as an admin reads it: `descriptions[i]` is the sentence of `kinds[i]`.

    `id` stands for transaction, module and root entity. `consequence_of` is the description of the
    change that caused this one in the same transaction (mapping rule 17), else None.
    `former_account` is the account that the entity moved away from: the entry is for both to read.
    `actor_mark` is what must be said beside the actor where nothing vouches for the name: "claimed by crm_report".
    """

    id: str
    at: datetime
    actor: str
    actor_kind: ActorKind
    actor_trust: ActorTrust
    ip: str | None
    type: ChangeType
    module: str
    entity: str
    entity_id: str
    entity_name: str
    account: str | None
    descriptions: tuple[str, ...]
    kinds: tuple[str, ...]
    sensitivity: str
    consequence_of: str | None
    changes: tuple[FieldChange, ...]
    transaction_id: int
    source: Source
    former_account: str | None = None
    actor_mark: str | None = None

    @property
    def sentence(self) -> str:
        """All descriptions as one line."""
        return "; ".join(self.descriptions)
