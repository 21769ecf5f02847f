"""The one door: every route is made by `route`, which decides who may pass, opens the transaction, and only then asks the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, Literal
from urllib.parse import quote

from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from reports.web.browser import SAFE, Note, Tone, check_form, farewell, greet, read_form
from reports.web.database import Connection
from reports.web.errors import Refused
from reports.web.journal import acting
from reports.web.lanes import LaneName
from reports.web.render import url
from reports.web.scoped import ScopedLog
from reports.web.signin.identify import Identity, identify
from reports.web.state import State, state_of
from reports.web.viewer import Viewer

Mode = Literal["read", "write", "each"]
"""One transaction that only reads; one that may write; each statement by itself."""


class Need(Enum):
    """What a route asks of who comes."""

    NOTHING = "nothing"
    VIEW = "a sign-in"
    EXPORT = "a sign-in with the right to export"
    ADMIN = "the sign-in of an Admin"


@dataclass
class Call:
    """A request that may pass: who asks, what for, and the connection to answer it with.

    `conn` is in a transaction: one that only reads, or of a route that writes one in which the viewer is the actor.
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

    @cached_property
    def log(self) -> ScopedLog:
        """The log as the viewer may see it."""
        return ScopedLog(self.conn, self.viewer)

    def say(self, text: str, tone: Tone = "plain") -> None:
        """Have the next page show a line."""
        self.notes.append(Note(text, tone))

    def go(self, name: str, /, **path: Any) -> RedirectResponse:
        """Send the browser to another page, as after every form: loading that again sends nothing twice."""
        return RedirectResponse(url(self.request, name, **path), status_code=303)


class KeyConvertor(PathConvertor):
    """`{key:key}` in a route: the key of a row, any text. Starlette's own takes no line feed, and writes ? and # into paths as they are."""

    regex = "(?s:.*)"

    def to_string(self, value: str) -> str:
        """Return the key for a path."""
        return quote(value, safe="")


register_url_convertor("key", KeyConvertor())

Handler = Callable[[Call], Response]
Endpoint = Callable[[Request], Awaitable[Response]]
Identify = Callable[[Request, Connection], Identity]

NEEDS: dict[Endpoint, Need] = {}
"""What each endpoint needs: what is not in here was not made by `route`."""


def route(
    path: str,
    handler: Handler,
    *,
    name: str,
    need: Need = Need.VIEW,
    methods: Sequence[str] = ("GET",),
    writes: bool = False,
    mode: Mode | None = None,
    form_token: bool = True,
    lane: LaneName = "pages",
    seconds: float | None = None,
    who: Identify = identify,
) -> Route:
    """Make a route.

    *handler* runs in a thread of *lane*. *need* is checked before it is called. A method that is not safe needs the form's token
    unless *form_token* is false, as for what programs call. With `writes` the transaction may write; it is committed with the
    answer and rolled back where the handler raises. *seconds* that a statement may take are those of the configuration.
    """
    how: Mode = mode or ("write" if writes else "read")

    async def endpoint(request: Request) -> Response:
        form = {} if request.method in SAFE else await read_form(request)
        return await state_of(request).lane(lane).run(answer, request, form)

    def answer(request: Request, form: Mapping[str, str]) -> Response:
        state = state_of(request)
        with state.database.connection() as conn:
            state.secret.load(conn)
            identity = who(request, conn)
            request.state.viewer = identity.viewer
            greet(request, state.secret, identity.token)
            if request.method not in SAFE and form_token:
                check_form(request, state.secret, form)
            turned_away = _door(request, identity, need)
            if turned_away is not None:
                return turned_away
            with ExitStack() as stack:
                limit = seconds or state.config.read_seconds
                if how != "each":
                    stack.enter_context((state.database.write if how == "write" else state.database.read)(conn, limit))
                if how == "write" and identity.viewer is not None:
                    stack.enter_context(acting(conn, request, identity.viewer))
                call = Call(request, state, conn, identity, form)
                made = handler(call)
        farewell(request, state.secret, made, call.notes)
        return made

    NEEDS[endpoint] = need
    return Route(path, endpoint, name=name, methods=list(methods))


def _door(request: Request, identity: Identity, need: Need) -> Response | None:
    """Let pass (None), send to the sign-in, or refuse."""
    if need is Need.NOTHING:
        return None
    viewer = identity.viewer
    if viewer is None:
        if identity.refusal is not None:
            raise identity.refusal
        if request.method not in SAFE:
            raise Refused(401, "Your session has ended: sign in, then do it again.")
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{url(request, 'sign_in')}?next={quote(here, safe='')}", status_code=303)
    if need is not Need.EXPORT and "read" not in viewer.scopes:
        raise Refused(403, "This token may not read: make one with  whochanged tokens add NAME --scope read.")
    if need is Need.EXPORT and not viewer.may_export:
        raise Refused(403, "You may look at the log and not take it away: an Admin can allow you to export.")
    if need is Need.ADMIN and viewer.role != "admin":
        raise Refused(403, "This page is for Admins.")
    return None
