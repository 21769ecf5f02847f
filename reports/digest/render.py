"""From a digest to the two readings of the same mail, HTML and text, small enough that no mail program cuts it off."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from css_inline import CSSInliner
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from reports import safety
from reports.digest import layout, mime, words
from reports.digest.bars import bar, blocks
from reports.digest.content import ENTRIES_A_MODULE, MODULES_SHOWN, Digest
from reports.digest.lines import SENTENCE, SENTENCES_SHOWN
from reports.digest.links import Links, checked
from reports.digest.when import Moment

LARGEST = 80 * 1024
"""Bytes of a whole message. Gmail cuts off what is longer than about 102,000, and the footer with it."""

_HEADERS = 4 * 1024
"""Room for the headers: long names and subjects in encoded words."""

_SIZES = (
    *(
        (ENTRIES_A_MODULE, most, MODULES_SHOWN)
        for most in (SENTENCE * SENTENCES_SHOWN, SENTENCE, SENTENCE // 2, SENTENCE // 3)
    ),
    *((limit, SENTENCE // 3, MODULES_SHOWN) for limit in range(ENTRIES_A_MODULE - 1, 0, -1)),
    *((1, SENTENCE // 3, modules) for modules in range(MODULES_SHOWN - 2, -1, -2)),
)
"""What is tried: so many entries a module with so many characters each, of so many modules.

Whoever writes long names must not hide other entries.
"""

_MODULE, _BAR = 24, 36
"""Columns of a module's name, and of the longest bar, in the text part."""

_NUMBERED = re.compile(r"(\d|\ball) ")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A digest as it is read: `subject` and `preheader` are plain text of one line, `html` is a whole document."""

    subject: str
    preheader: str
    html: str
    text: str


def render(digest: Digest, *, serial: int, base_url: str | None, by_time: bool = False) -> Rendered:
    """Return the mail of a digest. `serial` is its number for this reader, `base_url` the address of the log's page.

    `by_time` says that its changes are those of a time, whatever other digests told.

    Where the mail would get too large, its entries are said in fewer words, then each module shows fewer of them. Raises
    ConfigurationError where `base_url` is no address of a page.
    """
    links = Links(checked(base_url), digest.since, digest.until, digest.reader.token) if base_url else None
    nothing = next(iter(digest.reasons), words.nothing_new(None if by_time else serial))
    made: dict[int, Rendered] = {}

    def small(step: int) -> bool:
        made[step] = _render(digest.shortened(*_SIZES[step]), serial, links, nothing)
        return fits(made[step])

    # Mostly the first one fits. Each of the others is smaller than the one before, so not all need to be tried.
    step = 0 if small(0) else bisect_left(range(len(_SIZES)), 1, lo=1, key=small)
    if step == len(_SIZES):
        raise AssertionError("A digest without entries is small: all its texts are bounded.")
    return made[step]


def _render(digest: Digest, serial: int, links: Links | None, nothing: str) -> Rendered:
    subject, preheader = words.subject(digest, nothing), words.preheader(digest, nothing)
    moments = list(_moments(digest))
    stamp = 2 + max((len(moment.words) for moment in moments), default=0)
    shared: dict[str, Any] = {
        "digest": digest,
        "serial": serial,
        "links": links,
        "headline": words.headline(digest, nothing),
        "follows": words.follows(digest, serial),
        "spread": words.spread(digest),
        "largest": max((part.totals.all for part in digest.sections), default=0),
        "subject": subject,
        "preheader": preheader,
        "scope": words.scope(digest),
        "watched": words.watched(digest),
        "nothing": nothing,
        "heartbeat": words.heartbeat(digest),
        "sensitive_words": words.sensitive(digest),
        "others": words.others(digest.people),
        "footer": words.footer(digest, linked=links is not None and links.unsubscribe is not None),
        "dated": any(moment.day or moment.offset for moment in moments),
    }
    text = (
        environment()
        .get_template("digest.txt")
        .render(
            shared,
            columns=layout.COLUMNS,
            stamp=stamp,
            margin=" " * stamp,
            people=layout.table(words.people_cells(digest)),
            modules=_module_rows(digest),
        )
    )
    text = re.sub(r"[ \t]+\n", "\n", re.sub(r"\n{4,}", "\n\n\n", text))
    html = inlined(environment().get_template("digest.html").render(shared))
    return Rendered(subject, preheader, html, text)


def inlined(html: str) -> str:
    """Return the document with its styles in style attributes, where mail programs read them."""
    # The inliner would write these into style attributes too, and knows no way to leave them where they are.
    return mime.compact(_inliner().inline(html).replace("</head>", f"<style>{_head_style()}</style></head>", 1))


def fits(rendered: Rendered) -> bool:
    """Return whether the message stays below LARGEST, its headers included."""
    return sum(len(mime.body(text)[1]) for text in (rendered.html, rendered.text)) <= LARGEST - _HEADERS


def _module_rows(digest: Digest) -> str:
    """Return the summary by module for the text part: name, number, bar, and under it what it is made of."""
    largest = max((part.totals.all for part in digest.sections), default=0)
    numbers = [f"{part.totals.all:,}" for part in digest.sections]
    width = max(map(len, numbers), default=0)
    rows = []
    for part, number in zip(digest.sections, numbers, strict=True):
        bar_ = blocks(part.totals, largest, _BAR)
        rows.append(f"{layout.padded(part.module, _MODULE)} {number:>{width}}  {bar_}")
        rows.append(layout.fold(words.weight(part), " " * (_MODULE + width + 3)))
    return "\n".join(rows)


def _moments(digest: Digest) -> Iterator[Moment]:
    for lines in (digest.sensitive, *(section.lines for section in digest.sections)):
        yield from (line.at for line in lines)


def closed(text: str) -> Markup:
    """Return a sentence in which quoted names are closed off, where letters in it run from right to left."""
    if not safety.right_to_left(text):
        return escape(text)
    pieces = [
        Markup("<bdi>{}</bdi>").format(piece) if quoted else escape(piece)
        for quoted, piece in layout.quoted_parts(text)
    ]
    return Markup("<bdi>{}</bdi>").format(Markup().join(pieces))


def _paired(text: str) -> str:
    """Return counts with each number on the line of its word: "1 created, 8 updated" breaks after the comma."""
    return _NUMBERED.sub("\\1\u00a0", text)


@cache
def environment(folder: str = "digest") -> Environment:
    """Return the templates of a folder beside this one, which can use those of the digest as parts."""
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("reports", f"{name}/templates") for name in dict.fromkeys((folder, "digest"))]
        ),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "bar": bar,
        "before_after": words.before_after,
        "by_type": words.by_type,
        "closed": closed,
        "count": words.count,
        "fold": layout.fold,
        "paired": _paired,
        "section": words.section,
        "table": layout.table,
        "weight": words.weight,
    }
    return environment


@cache
def _head_style() -> str:
    """Return what stays in the head: the look of the entries, narrow and dark screens."""
    rules = "".join(environment().get_template(name).render() for name in ("entries.css", "media.css"))
    return re.sub(r"\s*([{};,>])\s*", r"\1", " ".join(rules.split())).replace(": ", ":")


@cache
def _inliner() -> CSSInliner:
    return CSSInliner(minify_css=True, load_remote_stylesheets=False)
