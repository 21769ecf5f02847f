"""From a template to an answer. Everything that is shown is escaped; what a template is given besides stands here."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from reports.web import csrf
from reports.web.state import State, state_of
from reports.web.view.markup import FILTERS
from reports.web.viewer import ROLE_NAMES, Viewer


@cache
def templates() -> jinja2.Environment:
    """Return the templates: escaped whatever their ending, and an unknown name in them is an error."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("reports.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["role_names"] = ROLE_NAMES
    found.filters |= FILTERS
    return found


def url(request: Request, name: str, /, **path: Any) -> str:
    """Return the path of a page by its route's name, also where the application is mounted. Without a host: none can be forged."""
    # A list has 160 links, and asking route after route whether it is the one takes a twentieth of its time.
    routes = state_of(request).shared
    route = routes.get(f"route {name}")
    if route is None:
        route = routes[f"route {name}"] = next(one for one in request.app.routes if getattr(one, "name", None) == name)
    return str(request.scope.get("root_path", "")) + str(route.url_path_for(name, **path))


def asset(request: Request, path: str) -> str:
    """Return the path of a file in reports/web/static, with its version, so that browsers may keep it."""
    return f"{url(request, 'static', path=path)}?v={state_of(request).version}"


def render(request: Request, template: str, /, status: int = 200, **context: Any) -> HTMLResponse:
    """Answer with a page.

    Templates have besides *context*: `request`, `viewer` (None before sign-in), `framed`, `notes`, `url(name, ...)`, `asset(path)`,
    `csrf()` (a hidden field, for each form that is posted), `csrf_token()`, and `nonce` for a script or style of their own.
    """
    state = state_of(request)
    given: dict[str, Any] = {
        "request": request,
        "viewer": viewer_of(request),
        "framed": state.config.framed,
        "notes": getattr(request.state, "notes", ()),
        "url": lambda name, /, **path: url(request, name, **path),
        "asset": lambda path: asset(request, path),
        "csrf": lambda: Markup('<input type="hidden" name="{}" value="{}">').format(csrf.FIELD, _token(request, state)),
        "csrf_token": lambda: _token(request, state),
        "nonce": getattr(request.state, "nonce", ""),
    }
    return HTMLResponse(templates().get_template(template).render({**given, **context}), status_code=status)


def viewer_of(request: Request) -> Viewer | None:
    """Return who looks, None before sign-in."""
    found = getattr(request.state, "viewer", None)
    return found if isinstance(found, Viewer) else None


def _token(request: Request, state: State) -> str:
    return csrf.token(state.secret, request.state.browser)
