"""From a digest to the two readings of the same mail, HTML and text, small enough that no mail program cuts it off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from css_inline import CSSInliner
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from capture.errors import ConfigurationError
from reports import safety
from reports.digest import layout, mime, words
from reports.digest.content import ENTRIES_A_MODULE, Digest
from reports.digest.lines import SENTENCE, SENTENCES_SHOWN
from reports.digest.when import Moment

LARGEST = 80 * 1024
"""Bytes of a whole message. Gmail cuts off what is longer than about 102,000, and the footer with it."""

_HEADERS = 4 * 1024
"""Room for the headers: long names and subjects in encoded words."""

_SIZES = (
    *((ENTRIES_A_MODULE, most) for most in (SENTENCE * SENTENCES_SHOWN, SENTENCE, SENTENCE // 2, SENTENCE // 3)),
    *((limit, SENTENCE // 3) for limit in range(ENTRIES_A_MODULE - 1, -1, -1)),
)
"""What is tried: so many entries a module with so many characters each. Whoever writes long names must not hide other entries."""

_KEEP = ' data-css-inline="keep"'
_URL = re.compile(r"[^\s<>\"'\\\x00-\x20\x7f]+")


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
    link = checked_page(base_url) if base_url else None
    nothing = next(iter(digest.reasons), words.nothing_new(None if by_time else serial))
    for limit, characters in _SIZES:
        rendered = _render(digest.shortened(limit, characters), serial, link, nothing)
        if fits(rendered):
            return rendered
    raise AssertionError("A digest without entries is small: all its texts are bounded.")


def _render(digest: Digest, serial: int, base_url: str | None, nothing: str) -> Rendered:
    subject, preheader = words.subject(digest, nothing), words.preheader(digest, nothing)
    moments = list(_moments(digest))
    stamp = 2 + max((len(moment.words) for moment in moments), default=0)
    shared: dict[str, Any] = {
        "digest": digest,
        "serial": serial,
        "base_url": base_url,
        "subject": subject,
        "preheader": preheader,
        "scope": words.scope(digest),
        "watched": words.watched(digest),
        "nothing": nothing,
        "heartbeat": words.heartbeat(digest),
        "summary": words.summary(digest),
        "sensitive_words": words.sensitive(digest),
        "others": words.others(digest.people),
        "footer": words.footer(digest),
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
        )
    )
    html = inlined(environment().get_template("digest.html").render(shared))
    return Rendered(subject, preheader, html, text)


def inlined(html: str) -> str:
    """Return the document with its styles in style attributes, where mail programs read them."""
    # The mark by which the inliner knows what stays in the head has no meaning for anybody else.
    return _inliner().inline(html).replace(_KEEP, "", 1)


def fits(rendered: Rendered) -> bool:
    """Return whether the message stays below LARGEST, its headers included."""
    return sum(len(mime.body(text)[1]) for text in (rendered.html, rendered.text)) <= LARGEST - _HEADERS


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
        "by_type": words.by_type,
        "closed": closed,
        "count": words.count,
        "fold": layout.fold,
        "section": words.section,
    }
    return environment


@cache
def _inliner() -> CSSInliner:
    return CSSInliner(minify_css=True, load_remote_stylesheets=False)


def checked_page(url: str) -> str:
    """Return the address of the log's page without a slash at its end."""
    problem = ConfigurationError(f"{url!r} is no address of a page: write one such as https://audit.example.com.")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise problem from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isascii() or not _URL.fullmatch(url):
        raise problem
    return url.rstrip("/")
