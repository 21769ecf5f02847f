"""Signing in by OpenID Connect: off to the provider, and back."""

from __future__ import annotations

import hmac

from starlette.responses import RedirectResponse, Response

from reports.web.call import Call, Need, route
from reports.web.errors import Refused
from reports.web.journal import client_address, note_refused
from reports.web.render import url
from reports.web.signin.oidc import Client, claim, claim_list
from reports.web.signin.roles import viewer_of
from reports.web.signin.routes import enter
from reports.web.signin.sessions import drop_cookie, set_cookie
from reports.web.signin.targets import safe_target

_COOKIE = "whochanged_oidc"
_SECONDS = 600
_AGAIN = "This sign-in was not begun in this browser, or more than ten minutes ago: sign in again."


def start(call: Call) -> Response:
    """Send the browser to the provider; what its return is compared with goes into a cookie that only we can write."""
    client = _client(call)
    target = safe_target(call.request, call.request.query_params.get("next"), url(call.request, "entries"))
    started = client.start(_redirect(call))
    answer = RedirectResponse(started.address, status_code=303)
    kept = [started.state, started.nonce, started.verifier, target]
    set_cookie(call.request, answer, _COOKIE, call.state.secret.signed("oidc", kept), seconds=_SECONDS)
    return answer


def finish(call: Call) -> Response:
    """Take what the provider says of who has signed in there."""
    try:
        answer = _finish(call)
    except Refused:
        note_refused(call.conn, call.state.secret, name=None, method="oidc", address=client_address(call.request))
        raise
    drop_cookie(call.request, answer, _COOKIE)
    return answer


def _finish(call: Call) -> Response:
    client, given = _client(call), call.request.query_params
    kept = call.state.secret.unsigned("oidc", call.request.cookies.get(_COOKIE, ""), _SECONDS)
    if kept is None or not hmac.compare_digest(str(kept[0]).encode(), given.get("state", "").encode()):
        raise Refused(403, _AGAIN)
    _, nonce, verifier, target = (str(part) for part in kept)
    client.check_issuer(given.get("iss"))
    if "error" in given or not given.get("code"):
        raise Refused(403, "The provider let nobody in: sign in again, or ask those who run it.")
    claims = client.finish(_redirect(call), given["code"], nonce, verifier)
    provider = client.provider
    viewer = viewer_of(
        call.state.config.roles,
        method="oidc",
        key=str(claims["sub"]),
        name=_text(claim(claims, provider.name_claim)),
        email=_text(claims.get("email")) if claims.get("email_verified") is not False else None,
        given=claim_list(claims, provider.roles_claim),
        accounts=claim_list(claims, provider.accounts_claim),
    )
    return enter(call, viewer, None, target)


def _client(call: Call) -> Client:
    client = call.state.oidc
    if not isinstance(client, Client):
        raise Refused(404, "There is no such page here.")
    return client


def _redirect(call: Call) -> str:
    """Return the address to come back to, as the provider knows it: of the settings where they name it, else as we are asked for."""
    config, path = call.state.config, url(call.request, "oidc_finish")
    if config.base_url is not None:
        root = str(call.request.scope.get("root_path", ""))
        return config.base_url.rstrip("/") + path.removeprefix(root)
    return f"{call.request.url.scheme}://{call.request.headers['host']}{path}"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


routes = [
    route("/sign-in/oidc", start, name="oidc_start", need=Need.NOTHING, mode="each", lane="provider"),
    route("/sign-in/oidc/callback", finish, name="oidc_finish", need=Need.NOTHING, mode="each", lane="provider"),
]
