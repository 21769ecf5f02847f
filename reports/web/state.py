"""What all requests of the application share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import HTTPConnection

from reports.web.config import WebConfig
from reports.web.database import Database
from reports.web.lanes import Lane, LaneName
from reports.web.secrets import Secret

_FEW: tuple[LaneName, ...] = ("sign-in", "provider", "export")
_SMALL = 2
"""Threads that check passwords (each takes 64 MiB meanwhile), and exports at the same time."""

_QUEUE = 20
_CROWD = 200


@dataclass
class State:
    """The configuration, the connections and the secret.

    `oidc` is the client of the provider (reports.web.signin.oidc.Client) where one is configured; `shared` is for what a part of
    the application keeps between requests.
    """

    config: WebConfig
    database: Database
    version: str
    secret: Secret = field(default_factory=Secret)
    oidc: object | None = None
    lanes: dict[LaneName, Lane] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)

    def lane(self, name: LaneName) -> Lane:
        """Return one of the lanes. Together they have as many threads as there are connections."""
        if not self.lanes:
            for small in _FEW:
                self.lanes[small] = Lane(_SMALL, _QUEUE)
            self.lanes["pages"] = Lane(max(1, self.config.connections - len(_FEW) * _SMALL), _CROWD)
        return self.lanes[name]


def state_of(connection: HTTPConnection) -> State:
    """Return what the application of a request shares."""
    found = connection.app.state.web
    if not isinstance(found, State):
        raise TypeError("the application was not made by create_app()")
    return found
