"""The one door: every route is made by `route`, which decides who may pass, opens the transaction, and only then asks the page."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from capture.context import actor
from reports.web import csrf
from reports.web.database import Connection
from reports.web.errors import Refused
from reports.web.render import Note, Tone, url
from reports.web.scoped import ScopedLog
from reports.web.signin.identify import Identity, identify
from reports.web.signin.sessions import drop_cookie, set_cookie
from reports.web.state import State, state_of
from reports.web.viewer import Viewer

_NOTES = "whochanged_notes"
_NOTES_SECONDS = 60
_BROWSER = "whochanged_browser"
_SAFE = frozenset({"GET", "HEAD"})


class Need(Enum):
    """What a route asks of who comes."""

    NOTHING = "nothing"
    VIEW = "a sign-in"
    EXPORT = "a sign-in with the right to export"
    ADMIN = "the sign-in of an Admin"


@dataclass
class Call:
    """A request that may pass: who asks, what for, and the transaction to answer it in.

    `conn` is in a transaction: one that only reads, or of a route with `writes` one in which the viewer is the actor.
    What is read of the log is read by `log`, which knows what the viewer may see.
    """

    request: Request
    state: State
    conn: Connection
    identity: Identity
    form: Mapping[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    @property
    def viewer(self) -> Viewer:
        """Who is signed in. Raises Refused where nobody is: only routes that need nothing can get there."""
        if self.identity.viewer is None:
            raise Refused(401, "Sign in first.")
        return self.identity.viewer

    @property
    def log(self) -> ScopedLog:
        """The log as the viewer may see it."""
        return ScopedLog(self.conn, self.viewer)

    def say(self, text: str, tone: Tone = "plain") -> None:
        """Have the next page show a line."""
        self.notes.append(Note(text, tone))

    def go(self, name: str, /, **path: Any) -> RedirectResponse:
        """Send the browser to another page, as after every form: loading that again sends nothing twice."""
        return RedirectResponse(url(self.request, name, **path), status_code=303)


Handler = Callable[[Call], Response]


def route(
    path: str,
    handler: Handler,
    *,
    name: str,
    need: Need = Need.VIEW,
    methods: Sequence[str] = ("GET",),
    writes: bool = False,
    form_token: bool = True,
    seconds: float | None = None,
) -> Route:
    """Make a route.

    *handler* runs in a thread. *need* is checked before it is called. A method that is not safe needs the form's token unless
    *form_token* is false, as for what programs call. `writes`: the transaction may write; it is committed with the answer
    and rolled back where the handler raises. *seconds* that a statement may take are those of the configuration.
    """

    async def endpoint(request: Request) -> Response:
        form = {} if request.method in _SAFE or not form_token else await _form(request)
        return await run_in_threadpool(_answer, request, form)

    def _answer(request: Request, form: Mapping[str, str]) -> Response:
        state = state_of(request)
        with state.database.connection() as conn:
            state.secret.load(conn)
            identity = identify(request, conn)
            request.state.viewer, request.state.identity = identity.viewer, identity
            _greet(request, state, identity)
            if request.method not in _SAFE and form_token:
                _check_form(request, state, form)
            turned_away = _door(request, identity, need)
            if turned_away is not None:
                return turned_away
            with ExitStack() as stack:
                limit = seconds or state.config.read_seconds
                stack.enter_context((state.database.write if writes else state.database.read)(conn, limit))
                if writes and identity.viewer is not None:
                    stack.enter_context(acting(conn, request, identity.viewer))
                call = Call(request, state, conn, identity, form)
                return _finished(call, handler(call))

    made = Route(path, endpoint, name=name, methods=list(methods))
    NEEDS[endpoint] = need
    return made


NEEDS: dict[Callable[[Request], Awaitable[Response]], Need] = {}
"""What each endpoint needs: what is not in here was not made by `route`."""


def acting(conn: Connection, request: Request, viewer: Viewer) -> Any:
    """Have what is written in a transaction recorded as the viewer's."""
    return actor(
        conn,
        viewer.name,
        ip=client_address(request),
        user_agent=(request.headers.get("user-agent") or "")[:200] or None,
    )


def client_address(request: Request) -> str | None:
    """Return the address that a request came from; behind a trusted proxy the one that it names."""
    return None if request.client is None else request.client.host


def _door(request: Request, identity: Identity, need: Need) -> Response | None:
    """Let pass (None), send to the sign-in, or refuse."""
    if need is Need.NOTHING:
        return None
    viewer = identity.viewer
    if viewer is None:
        if identity.refusal is not None:
            raise Refused(403, identity.refusal)
        if request.method not in _SAFE:
            raise Refused(401, "Your session has ended: sign in, then do it again.")
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{url(request, 'sign_in')}?next={quote(here, safe='')}", status_code=303)
    if need is Need.EXPORT and not viewer.may_export:
        raise Refused(403, "You may look at the log and not take it away: an Admin can allow you to export.")
    if need is Need.ADMIN and viewer.role != "admin":
        raise Refused(403, "This page is for Admins.")
    return None


async def _form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form; files are none of ours."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    found = await request.form(max_files=0, max_fields=50)
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _greet(request: Request, state: State, identity: Identity) -> None:
    """Give a browser without a session a name of its own, which its forms are bound to, and take the notes that wait for it."""
    request.state.browser = identity.token or request.cookies.get(_BROWSER) or ""
    request.state.new_browser = not request.state.browser
    if request.state.new_browser:
        request.state.browser = secrets.token_urlsafe(16)
    kept = state.secret.unsigned("notes", request.cookies.get(_NOTES, ""), _NOTES_SECONDS)
    request.state.notes = [Note(text, tone) for text, tone in kept or ()]


def _check_form(request: Request, state: State, form: Mapping[str, str]) -> None:
    given = form.get(csrf.FIELD) or request.headers.get(csrf.HEADER)
    if csrf.comes_from_elsewhere(request) or not csrf.is_ours(state.secret, request.state.browser, given):
        raise Refused(403, "This form is not from here, or too old: load the page again, and send it once more.")


def _finished(call: Call, answer: Response) -> Response:
    """Send along the notes for the next page, and take back those that this page shows."""
    request = call.request
    if request.state.new_browser and call.identity.token is None and request.method in _SAFE:
        set_cookie(request, answer, _BROWSER, request.state.browser, seconds=None)
    if call.notes:
        text = call.state.secret.signed("notes", [[note.text, note.tone] for note in call.notes])
        set_cookie(request, answer, _NOTES, text, seconds=_NOTES_SECONDS)
    elif request.state.notes and answer.headers.get("content-type", "").startswith("text/html"):
        drop_cookie(request, answer, _NOTES)
    return answer
