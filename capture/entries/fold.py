"""Folding the changes of one transaction into entries: one for each entity and module that it touched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from capture.catalogue.model import Catalogue
from capture.entries import keyless
from capture.entries.actor import Actor, address, shown, source
from capture.entries.degraded import degraded, unseen, without_degraded
from capture.entries.differences import file_order, label, plain_path
from capture.entries.emptied import emptied, without_emptied
from capture.entries.identity import Identity, encode
from capture.entries.labels import Labels, Names
from capture.entries.net import Delta, described, net
from capture.entries.order import key_text
from capture.entries.pairing import find_causes, find_followers, find_moves, handed_over, pair_replaced, renumbered
from capture.entries.phrases import holds
from capture.entries.sentences import Sentence, Speaker
from capture.entries.values import HIDDEN, is_secret, json_differences, plain
from capture.model import Change, ChangeType, Entry, FieldChange, Json, Transaction

_SENSITIVITY = ("low", "normal", "high")


def fold(
    transaction: Transaction,
    changes: Sequence[Change],
    catalogue: Catalogue,
    names: Names,
    product_roles: Collection[str] = (),
) -> list[Entry]:
    """Return the entries of one transaction, the last first. All 26 mapping rules meet here; nothing is read or written.

    *product_roles* are the database roles that are shown as System.
    """
    changes, statements = without_degraded(changes)
    kept, truncations = without_emptied(changes)
    labels = Labels(catalogue, names, changes)
    deltas = [delta for delta in net(kept, catalogue) if _is_configuration(delta)]
    paired = pair_replaced(deltas) if len(deltas) > 1 else deltas
    moved_keys = renumbered(paired)
    deltas = [part for delta in paired for part in handed_over(delta, moved_keys)]
    entities = [delta for delta in deltas if delta.table.kind != "label"]
    if len(entities) > 1:
        find_followers(entities)
    find_moves(entities)
    roots = {
        (delta.table.name, key_text(delta.key)): delta for delta in deltas if delta.is_root and delta.key is not None
    }
    parts: dict[tuple[str, str], list[Delta]] = defaultdict(list)
    for delta in entities:
        if not delta.is_root:
            parts[delta.root_table, key_text(delta.root_key)].append(delta)
    speaker = Speaker(labels, roots, parts)
    if len(deltas) > 1:
        find_causes(deltas, lambda delta: delta.is_root)
    actor = shown(transaction, product_roles)
    maker = _Maker(transaction, catalogue, speaker, actor)
    entries = [
        *maker.entries(entities),
        *emptied(transaction, truncations, catalogue, labels, actor, unseen(statements)),
        *degraded(transaction, statements, catalogue, actor),
    ]
    return [entry for _, entry in sorted(entries, key=lambda pair: pair[0], reverse=True)]


def _is_configuration(delta: Delta) -> bool:
    """Return whether the row counts as configuration, before or after (mapping rule 10)."""
    condition = delta.table.configuration_when
    return condition is None or any(row and holds(condition, row) for row in (delta.old, delta.new))


def _audiences(group: list[Delta]) -> list[list[Delta]]:
    """Return the rows of an entity by the accounts that may read of them, the entity's own first.

    They differ where the save moved the entity to another account, and where rows without a key are of several.
    """
    if group[0].root_key is not None and not any(delta.former_account for delta in group):
        return [group]
    by_account: dict[tuple[str | None, str | None], list[Delta]] = defaultdict(list)
    for delta in sorted(group, key=lambda delta: not delta.is_root):
        by_account[delta.account, delta.former_account].append(delta)
    return list(by_account.values())


class _Maker:
    def __init__(self, transaction: Transaction, catalogue: Catalogue, speaker: Speaker, actor: Actor) -> None:
        self.transaction = transaction
        self.catalogue = catalogue
        self.speaker = speaker
        self.actor = actor

    def entries(self, deltas: Iterable[Delta]) -> Iterator[tuple[int, Entry]]:
        """Yield each entry with the number of its last change."""
        groups: dict[tuple[str, str], list[Delta]] = defaultdict(list)
        for delta in deltas:
            groups[delta.root_table, key_text(delta.root_key)].append(delta)
        for group in groups.values():
            for number, audience in enumerate(_audiences(group)):
                yield from self._entity(audience, f"{number}" if number else "")

    def _entity(self, group: list[Delta], part: str) -> Iterator[tuple[int, Entry]]:
        root = next((delta for delta in group if delta.is_root), None)
        kind = ChangeType.UPDATED
        if root and root.kind == "I":
            kind = ChangeType.CREATED
        elif root and (root.kind == "D" or root.soft == "deleted"):
            kind = ChangeType.DELETED
        unkeyed = root is not None and root.root_key is None
        if unkeyed:
            kind = keyless.change_type(group)
        # Parts that came or went with their entity are in its sentence (mapping rules 2 and 3).
        speaking = [root] if root and kind is not ChangeType.UPDATED and not unkeyed else group
        modules: dict[str, list[tuple[Delta, Sentence]]] = defaultdict(list)
        for delta in speaking:
            for sentence in self.speaker.sentences(delta):
                if self.catalogue.shows(sentence.kind):
                    modules[sentence.module].append((delta, sentence))
        for module, said in modules.items():
            first = said[0][0]
            silent = [] if speaking is group else [delta for delta in group if delta is not root]
            fields = tuple(self._fields(said, silent))
            caused = [delta.caused_by for delta, _ in said]
            cause = caused[0] if all(caused) else None
            entity = described(self.catalogue, first.root_table)
            key = key_text(first.root_key) if first.root_key is not None else ""
            name = keyless.name(self.speaker.labels, group) if unkeyed else None
            sentences = [sentence for _, sentence in said]
            if unkeyed:
                sentences = keyless.merged(sentences)
            yield (
                max(delta.last for delta in group),
                Entry(
                    id=encode(
                        Identity(
                            self.transaction.at,
                            self.transaction.transaction_id,
                            f"{module}\n{part}" if part else module,
                            first.root_table,
                            key,
                        )
                    ),
                    at=self.transaction.at,
                    actor=self.actor.name,
                    actor_kind=self.actor.kind,
                    actor_trust=self.actor.trust,
                    ip=address(self.transaction),
                    type=kind,
                    module=module,
                    entity=entity.entity,
                    entity_id=key,
                    entity_name=name or self.speaker.entity_name(first),
                    account=root.account if root else max(group, key=lambda delta: delta.last).account,
                    descriptions=tuple(sentence.text for sentence in sentences),
                    kinds=tuple(sentence.kind for sentence in sentences),
                    sensitivity=max((sentence.sensitivity for _, sentence in said), key=_SENSITIVITY.index),
                    consequence_of=self._cause(cause) if cause else None,
                    changes=fields,
                    transaction_id=self.transaction.transaction_id,
                    source=source(self.transaction),
                    former_account=next((delta.former_account for delta in group if delta.former_account), None),
                    actor_mark=self.actor.mark,
                ),
            )

    def _cause(self, cause: Delta) -> str:
        return next(self.speaker.sentences(cause)).text

    def _fields(self, said: list[tuple[Delta, Sentence]], silent: list[Delta]) -> Iterator[FieldChange]:
        spoken: dict[int, tuple[Delta, set[str] | None]] = {}
        for delta, sentence in said:
            before = spoken.get(id(delta), (delta, set()))[1]
            spoken[id(delta)] = (
                delta,
                None if sentence.columns is None or before is None else before | sentence.columns,
            )
        for delta, columns in spoken.values():
            yield from self._of(delta, columns)
            for follower in delta.followers:
                yield from self._of(follower, None)
            for other in delta.shifted:
                if other.table.order:
                    yield from self._of(other, {other.table.order.column})
        for delta in silent:
            yield from self._of(delta, None)

    def _of(self, delta: Delta, columns: set[str] | None) -> Iterator[FieldChange]:
        """Yield the columns before and after: of an update those that changed, of a whole row all that say something."""
        table = delta.table
        if delta.kind == "U":
            shown_columns = delta.changed if columns is None else columns
        else:
            skip, lookups, owners = {*(delta.key or ()), *table.ignored}, table.lookups, table.owners
            shown_columns = {
                column for column in delta.now if column not in owners and (column not in skip or column in lookups)
            }
        told = [column for column in table.item_columns if column in shown_columns]
        if told and not delta.is_root:
            yield self._item(delta, told)
            shown_columns = shown_columns - set(told)
        for column in sorted(shown_columns, key=file_order(table)):
            yield from self._field(delta, column)

    def _item(self, delta: Delta, told: list[str]) -> FieldChange:
        """Return the columns that the row in words tells as one line: "condition: Score > 40 → Score > 60"."""
        before = self.speaker.item(delta, before=True).strip("“”") if delta.kind != "I" else None
        after = self.speaker.item(delta, before=False).strip("“”") if delta.kind != "D" else None
        return FieldChange(delta.table.name, delta.key, ", ".join(told), delta.table.entity, before, after)

    def _field(self, delta: Delta, column: str) -> Iterator[FieldChange]:
        table, about = delta.table, delta.table.column(column)
        old, new = delta.old.get(column), delta.new.get(column)
        said = label(table, column)
        if not delta.is_root:
            said = f"{table.entity} {self.speaker.item(delta, before=delta.kind == 'D')} › {said}"
        if about.secret or HIDDEN in (old, new):
            yield FieldChange(
                table.name, delta.key, column, said, None if old is None else HIDDEN, None if new is None else HIDDEN
            )
        elif isinstance(old, dict) and isinstance(new, dict):
            for path, one, other in json_differences(old, new):
                words = about.paths[path].label if path in about.paths else plain_path(path)
                before, after = (HIDDEN, HIDDEN) if is_secret(path) else (_plain(one), _plain(other))
                yield FieldChange(table.name, delta.key, f"{column}.{path}", f"{said} › {words}", before, after)
        else:
            word = self.speaker.labels.word
            before = None if old is None else word(table, column, delta.old, before=True)
            after = None if new is None else word(table, column, delta.new, before=False)
            empty = delta.kind != "U" and (old if delta.gone else new) in ({}, [], "")
            if not empty and (before is not None or after is not None):
                yield FieldChange(table.name, delta.key, column, said, before, after)


def _plain(value: Json) -> str | None:
    return None if value is None else plain(value)
