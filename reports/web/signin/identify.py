"""Who sends a request: asked of the host application, the trusted proxy and the session, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from starlette.requests import Request

from reports.web import tokens
from reports.web.database import Connection
from reports.web.errors import Refused
from reports.web.journal import client_address, note_refused
from reports.web.signin import proxy, sessions
from reports.web.state import state_of
from reports.web.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is. `token` is that of the session, None without one of ours. `refusal` says why a named one may not look."""

    viewer: Viewer | None = None
    token: str | None = None
    refusal: Refused | None = None


def identify(request: Request, conn: Connection, *, touch: bool = True) -> Identity:
    """Return who sends a request; without *touch*, one that a page sends by itself."""
    state = state_of(request)
    config = state.config
    if config.identify is not None:
        return Identity(config.identify(request))
    try:
        viewer = proxy.from_headers(request)
    except Refused as refusal:
        note_refused(conn, state.secret, name=None, method="proxy", address=client_address(request))
        return Identity(refusal=refusal)
    if viewer is not None:
        proxy.welcome(request, conn, viewer)
        return Identity(viewer)
    token = request.cookies.get(sessions.cookie_name(request))
    session = sessions.find(conn, token, idle=config.idle, touch=touch) if token else None
    return Identity() if session is None else Identity(session.viewer, session.token)


def identify_program(request: Request, conn: Connection, *, touch: bool = True) -> Identity:
    """Return which program sends a request, by its bearer token (RFC 6750); without one, whoever is signed in."""
    given = request.headers.get("authorization")
    if given is None:
        found = identify(request, conn, touch=touch)
        refusal = found.refusal or Refused(401, "Sign in, or send a token.", {"WWW-Authenticate": "Bearer"})
        return found if found.viewer is not None else Identity(refusal=refusal)
    scheme, _, token = given.partition(" ")
    viewer = tokens.viewer_of(conn, token.strip()) if scheme.lower() == "bearer" else None
    if viewer is None:
        wrong = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        return Identity(refusal=Refused(401, "The token is none of ours, or it has ended, or was revoked.", wrong))
    return Identity(viewer)


identify_quietly = partial(identify_program, touch=False)
identify_unasked = partial(identify, touch=False)
"""For what a page or a program asks by itself, again and again: a session that nobody uses must end."""


def identify_quietly_or_nobody(request: Request, conn: Connection) -> Identity:
    """Return who sends a request; nobody where the token is none of ours."""
    return Identity(identify_quietly(request, conn).viewer)
