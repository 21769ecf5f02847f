"""Sentences for what the catalogue has no phrase for: good ones, never JSON and never "updated to true"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from capture.entries.differences import differences, label
from capture.entries.labels import NO_KEY, has_name
from capture.entries.order import key_text
from capture.entries.phrases import article, aside
from capture.entries.values import moment, plain, quoted, text_difference
from capture.model import Json

if TYPE_CHECKING:
    from capture.entries.sentences import _Names as Names


def kind(names: Names, what: str) -> str:
    """Return the kind of a generic sentence: "territory.restored", "rule.condition_added"."""
    root = names.root.noun.replace(" ", "_").lower()
    return f"{root}.{what}" if names.delta.is_root else f"{root}.{names.delta.table.entity.replace(' ', '_')}_{what}"


def entity(names: Names) -> str:
    """Return the entity with its noun: "workflow “Welcome”"; "price list 4" without a label, "user #4 (no name)" without a name."""
    return names.speaker.thing(names.root.noun, names.delta)


def subject(names: Names) -> str:
    """Return what a sentence speaks of: "territory “EMEA”", "step “Intro” of sequence “Welcome”"."""
    table = names.delta.table
    if names.delta.is_root:
        return entity(names)
    item = names.item()
    return f"{article(table.entity) if item == NO_KEY else f'{table.entity} {item}'} of {entity(names)}"


def whole(names: Names, event: str) -> tuple[str, str]:
    """Return kind and sentence of a row that came, went or came back."""
    delta, table = names.delta, names.delta.table
    if not delta.is_root:
        gone = delta.gone
        to = f"from {entity(names)}" if gone else f"to {entity(names)}"
        verb = {"created": "Added", "restored": "Restored"}.get(event, "Removed")
        return kind(
            names, {"created": "added", "restored": "restored"}.get(event, "removed")
        ), f"{verb} {table.entity} {names.item(before=gone)} {to}"
    thing = f"the {table.entity}" if table.single else names.speaker.thing(table.entity, delta)
    if event == "purged":
        return kind(names, "purged"), f"Deleted {thing} for good (it had been deleted before)"
    text = f"{event.capitalize()} {thing}"
    return kind(names, event), text + (aside(names.counts) if event != "restored" else "")


def moved(names: Names) -> str:
    """Return the sentence of a moved row (mapping rule 5)."""
    delta, order = names.delta, names.delta.table.order
    between = f" from position {delta.old[order.column]} to {delta.new[order.column]}" if order else ""
    return f"Moved {subject(names)}{between}{aside(names.shifted)}"


def _renamed(names: Names, label: str, before: Json, after: Json) -> str:
    """Return the sentence of an entity whose name changed, of which at most one is none."""
    thing, key = names.delta.table.entity, key_text(names.delta.key)
    if not has_name(before):
        return f"Named {thing} #{key} {quoted(after)}"
    if not has_name(after):
        return f"Cleared the {label} of {thing} #{key} (was: {quoted(before)})"
    return f"Renamed {thing} {quoted(before)} to {quoted(after)}"


def _nothing(value: Json) -> str:
    return "nothing" if value is None else "an empty text"


def column(names: Names, name: str, *, secret: bool) -> str:
    """Return the sentence of one changed column (mapping rules 12 and 23)."""
    delta, table, labels = names.delta, names.delta.table, names.labels
    before, after = delta.old.get(name), delta.new.get(name)
    said = label(table, name)
    of = "" if delta.is_root and table.single else f" of {subject(names)}"
    if secret:
        return f"Changed the {said}{of} (value hidden)"
    if isinstance(before, bool) or isinstance(after, bool):
        return f"{'Enabled' if after else 'Disabled'} {said}{of}"
    if name == table.label and name not in table.lookups and delta.is_root and (has_name(before) or has_name(after)):
        return _renamed(names, said, before, after)
    if not has_name(before) and not has_name(after):
        return f"Changed the {said}{of} from {_nothing(before)} to {_nothing(after)}"
    if not has_name(after):
        return f"Cleared the {said}{of} (was: {labels.told(table, name, delta.old, before=True)})"
    new = labels.told(table, name, delta.new, before=False)
    free = table.column(name).format == "text"
    if not has_name(before):
        if free:
            article = "an" if said[:1].lower() in "aeiou" else "a"
            return f"Added {article} {said}{of.replace(' of ', ' to ', 1)}: {new}"
        return f"Set the {said}{of} to {new}"
    if isinstance(before, dict) and isinstance(after, dict):
        return f"Changed the {said}{of}: {'; '.join(differences(labels, delta, {name}))}"
    unit = table.column(name).unit
    if isinstance(before, str) and isinstance(after, str) and new.startswith("“") and not moment(after):
        return f"Changed the {said}{of} {text_difference(before, after)}"
    old = labels.told(table, name, delta.old, before=True)
    return f"Changed the {said}{of} from {old} to {new}" + (
        f" {unit if plain(after) == '1' else unit + 's'}" if unit else ""
    )
