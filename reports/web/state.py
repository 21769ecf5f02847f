"""What all requests of the application share."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from reports.web.config import WebConfig
from reports.web.database import Database
from reports.web.secrets import Secret


@dataclass
class State:
    """The configuration, the connections, and the secret."""

    config: WebConfig
    database: Database
    version: str
    secret: Secret = field(default_factory=Secret)


def state_of(connection: HTTPConnection) -> State:
    """Return what the application of a request shares."""
    found = connection.app.state.web
    if not isinstance(found, State):
        raise TypeError("the application was not made by create_app()")
    return found
