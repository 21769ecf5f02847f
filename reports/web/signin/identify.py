"""Who sends a request: asked of the host application, the trusted proxy and the session, in this order."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

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


def identify(request: Request, conn: Connection) -> Identity:
    """Return who sends a request."""
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
    session = sessions.find(conn, token, idle=config.idle) if token else None
    return Identity() if session is None else Identity(session.viewer, session.token)
