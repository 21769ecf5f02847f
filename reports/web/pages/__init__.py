"""The pages: each module here has `routes`, made by `reports.web.call.route`, and is found by itself."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from importlib import import_module

from starlette.routing import Route


def routes() -> Sequence[Route]:
    """Return the routes of all pages, in the order of the modules' names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [route for name in names for route in import_module(f"{__name__}.{name}").routes]
