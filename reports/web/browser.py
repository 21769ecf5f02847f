"""What a browser holds for us beside the session: a name for its forms before sign-in, and notes for the next page."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from reports.web import csrf
from reports.web.errors import Refused
from reports.web.secrets import Secret
from reports.web.signin.sessions import drop_cookie, set_cookie

Tone = Literal["good", "bad", "plain"]

SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""

_NOTES = "whochanged_notes"
_NOTES_SECONDS = 60
_BROWSER = "whochanged_browser"
_FIELDS = 2000
"""An Admin may tick each of their accounts; what a form weighs is bounded besides."""


@dataclass(frozen=True, slots=True)
class Note:
    """A line that the next page shows, once."""

    text: str
    tone: Tone = "plain"


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form; of a file none, and of several with one name the last."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    found = await request.form(max_files=0, max_fields=_FIELDS)
    return {name: value for name, value in found.multi_items() if isinstance(value, str)}


def greet(request: Request, secret: Secret, session: str | None) -> None:
    """Give a browser without a session a name of its own, which its forms are bound to, and read the notes that wait for it."""
    request.state.browser = session or request.cookies.get(_BROWSER) or ""
    request.state.new_browser = not request.state.browser
    if request.state.new_browser:
        request.state.browser = secrets.token_urlsafe(16)
    kept = secret.unsigned("notes", request.cookies.get(_NOTES, ""), _NOTES_SECONDS)
    request.state.notes = [Note(text, tone) for text, tone in kept or ()]


def check_form(request: Request, secret: Secret, form: Mapping[str, str]) -> None:
    """Raise Refused where a form is not one of ours, sent from one of our pages in this session."""
    given = form.get(csrf.FIELD) or request.headers.get(csrf.HEADER)
    if csrf.comes_from_elsewhere(request) or not csrf.is_ours(secret, request.state.browser, given):
        raise Refused(403, "This form is not from here, or too old: load the page again, and send it once more.")


def farewell(request: Request, secret: Secret, answer: Response, notes: Sequence[Note]) -> None:
    """Send along the notes for the next page, and take back those that this page shows."""
    if request.state.new_browser and request.method in SAFE:
        set_cookie(request, answer, _BROWSER, request.state.browser, seconds=None)
    if notes:
        text = secret.signed("notes", [[note.text, note.tone] for note in notes])
        set_cookie(request, answer, _NOTES, text, seconds=_NOTES_SECONDS)
    elif request.state.notes and answer.headers.get("content-type", "").startswith("text/html"):
        drop_cookie(request, answer, _NOTES)
