"""Where to go after the sign-in: back to where somebody came from, and never to another site."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

_LONGEST = 2000


def safe_target(connection: HTTPConnection, given: str | None, fallback: str) -> str:
    """Return *given* where it is a path of this application, else *fallback*."""
    root = str(connection.scope.get("root_path", ""))
    if given is None or len(given) > _LONGEST or not given.startswith(f"{root}/"):
        return fallback
    # Browsers take \\ for / and leave out tabs and line ends; // begins a host.
    if "\\" in given or given.startswith("//") or any(ord(letter) <= ord(" ") or letter == "\x7f" for letter in given):
        return fallback
    try:
        parts = urlsplit(given)
    except ValueError:
        return fallback
    if parts.scheme or parts.netloc or parts.path.startswith(f"{root}/sign-") or "/../" in f"{parts.path}/":
        return fallback
    return given
