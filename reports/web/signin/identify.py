"""Who sends a request: asked of the host application, the trusted proxy and the session, in this order."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from reports.web.database import Connection
from reports.web.errors import Refused
from reports.web.signin import sessions
from reports.web.state import state_of
from reports.web.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is. `token` is that of the session, None without a cookie of ours. `refusal` says why a named one may not look."""

    viewer: Viewer | None = None
    token: str | None = None
    refusal: Refused | None = None


def identify(request: Request, conn: Connection) -> Identity:
    """Return who sends a request."""
    config = state_of(request).config
    if config.identify is not None:
        return Identity(config.identify(request))
    token = request.cookies.get(sessions.cookie_name(request))
    if token:
        session = sessions.find(conn, token, idle=config.idle)
        if session is not None:
            return Identity(session.viewer, session.token)
    return Identity()
