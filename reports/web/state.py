"""What all requests of the application share."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from reports.web.config import WebConfig
from reports.web.database import Database
from reports.web.lanes import Lane, LaneName
from reports.web.secrets import Secret

_SMALL = 2
"""Threads that check passwords (each takes 64 MiB meanwhile), and exports at the same time."""

_QUEUE = 20
_CROWD = 200


@dataclass
class State:
    """The configuration, the connections, and the secret."""

    config: WebConfig
    database: Database
    version: str
    secret: Secret = field(default_factory=Secret)
    lanes: dict[LaneName, Lane] = field(default_factory=dict)

    def lane(self, name: LaneName) -> Lane:
        """Return one of the lanes. Together they have as many threads as there are connections."""
        if not self.lanes:
            pages = max(1, self.config.connections - 2 * _SMALL)
            self.lanes = {"pages": Lane(pages, _CROWD), "sign-in": Lane(_SMALL, _QUEUE), "export": Lane(_SMALL, 0)}
        return self.lanes[name]


def state_of(connection: HTTPConnection) -> State:
    """Return what the application of a request shares."""
    found = connection.app.state.web
    if not isinstance(found, State):
        raise TypeError("the application was not made by create_app()")
    return found
