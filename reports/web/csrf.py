"""Forms that only our own pages can send: a token bound to the session, and the browser's own word about where it comes from."""

from __future__ import annotations

import hmac
import secrets

from starlette.requests import HTTPConnection

from reports.web.secrets import Secret

FIELD = "csrf"
HEADER = "x-csrf-token"
_PURPOSE = "form"
_SALT_BYTES = 8


def token(secret: Secret, browser: str) -> str:
    """Return a token for the forms of a browser's session, another one each time, so that compression tells nothing of it."""
    salt = secrets.token_hex(_SALT_BYTES)
    return f"{salt}.{secret.mac(_PURPOSE, f'{salt}.{browser}')}"


def is_ours(secret: Secret, browser: str, given: object) -> bool:
    """Return whether a form holds a token of this browser's session."""
    if not isinstance(given, str) or not browser:
        return False
    salt, _, proof = given.partition(".")
    return hmac.compare_digest(
        secret.mac(_PURPOSE, f"{salt}.{browser}").encode(), proof.encode("utf-8", "surrogatepass")
    )


def comes_from_elsewhere(connection: HTTPConnection) -> bool:
    """Return whether the browser itself says that another site sends this. Old browsers say nothing: then the token decides."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = connection.headers.get("origin")
    if origin is None:
        return False
    return origin.lower() != f"{connection.url.scheme}://{connection.headers.get('host', '')}".lower()
