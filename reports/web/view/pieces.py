"""What an entry shows dozens of times, as HTML made in Python: a list has hundreds of fields, and templates write one five times slower.

Each text is escaped here; nothing else in it comes from outside.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

from capture.model import ChangeType
from reports.digest.layout import quoted_parts
from reports.web.view.diff import Difference
from reports.web.view.entry import Fact, Field, Shown

_NOTHING = '<span class="none">nothing</span>'
_EMPTY = '<span class="none">empty</span>'
_ARROW = '<span class="arrow" aria-hidden="true"> → </span><span class="sr">, </span>'


def names(sentence: str) -> Markup:
    """Return a sentence in which names in quotation marks stand out, closed off from the direction of the letters around them."""
    pieces = (
        f'<bdi class="q">{escape(piece)}</bdi>' if quoted else escape(piece) for quoted, piece in quoted_parts(sentence)
    )
    return _html("".join(pieces))


def field_rows(entry: Shown, rows: bool = False) -> Markup:  # noqa: FBT001, FBT002 - a filter of templates
    """Return the body of the table of an entry's fields; with *rows* one body for each row of a table, under the name of that row."""
    if not rows:
        return _html(_body(entry.fields, entry.type))
    of_row: dict[str, list[Field]] = {}
    for field in entry.fields:
        of_row.setdefault(field.row, []).append(field)
    return _html("\n".join(_body(fields, entry.type, heading) for heading, fields in of_row.items()))


def facts(found: Iterable[Fact]) -> Markup:
    """Return the terms of a list of facts."""
    return _html("\n".join(f"<dt>{escape(fact.label)}</dt><dd>{_value(fact)}</dd>" for fact in found))


def change(difference: Difference, was_nothing: bool, is_nothing: bool) -> Markup:  # noqa: FBT001 - a filter of templates
    """Return what changed in a value word by word, or all of the one and all of the other."""
    inside = _both(difference, was_nothing, is_nothing) if difference.whole else _woven(difference)
    return _html(f'<span class="diff">{inside}{_cut(difference)}</span>')


def _html(text: str) -> Markup:
    """Mark as HTML what was made here of escaped texts."""
    return Markup(text)  # noqa: S704 - each function here escapes what it is given


def _body(fields: Iterable[Field], kind: ChangeType, heading: str = "") -> str:
    of_row = f'<tr class="of-row"><th scope="rowgroup" colspan="2">{escape(heading)}</th></tr>\n' if heading else ""
    rows = "\n".join(_row(field, kind) for field in fields)
    return f"<tbody>{of_row}{rows}</tbody>"


def _row(field: Field, kind: ChangeType) -> str:
    if kind is not ChangeType.UPDATED and (field.was_nothing or field.is_nothing):
        value = _alone(field.difference, gone=kind is ChangeType.DELETED)
    else:
        value = change(field.difference, field.was_nothing, field.is_nothing)
    return f'<tr><th scope="row"><bdi>{escape(field.label)}</bdi></th><td>{value}</td></tr>'


def _alone(difference: Difference, *, gone: bool) -> str:
    """Return the one value of what was created or deleted."""
    lone = escape("".join(piece.text for piece in difference.pieces))
    value = f'<del><span class="sr">was: </span>{lone}</del>' if gone else lone
    return f'<span class="diff">{value}{_cut(difference)}</span>'


def _both(difference: Difference, was_nothing: bool, is_nothing: bool) -> str:  # noqa: FBT001 - as above
    gone = "".join(
        f'<del><span class="sr">before: </span>{escape(piece.text)}</del>'
        for piece in difference.pieces
        if piece.kind == "gone"
    )
    new = "".join(
        f'<ins><span class="sr">after: </span>{escape(piece.text)}</ins>'
        for piece in difference.pieces
        if piece.kind == "new"
    )
    before = _NOTHING if was_nothing else gone or ("" if is_nothing else _EMPTY)
    after = _NOTHING if is_nothing else new or _EMPTY
    return f"{before}{_ARROW}{after}"


def _woven(difference: Difference) -> str:
    found = []
    for piece in difference.pieces:
        text = escape(piece.text)
        if piece.kind == "gone":
            found.append(f'<del><span class="sr">removed: </span>{text}<span class="sr">. </span></del>')
        elif piece.kind == "new":
            found.append(f'<ins><span class="sr">added: </span>{text}<span class="sr">. </span></ins>')
        else:
            found.append(f'{text}<span class="none"> … </span>' if piece.left_out else text)
    return "".join(found)


def _cut(difference: Difference) -> str:
    return f' <span class="none">({difference.cut:,} more characters)</span>' if difference.cut else ""


def _value(fact: Fact) -> str:
    return f"<code>{escape(fact.value)}</code>" if fact.code else f"<bdi>{escape(fact.value)}</bdi>"
