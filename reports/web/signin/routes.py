"""Signing in and out."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from reports.web.call import Call, Need, client_address, route
from reports.web.errors import Refused
from reports.web.render import render, url
from reports.web.signin import passwords, sessions, users
from reports.web.signin.targets import safe_target


def form(call: Call) -> Response:
    """Show the ways in."""
    home = url(call.request, "entries")
    target = safe_target(call.request, call.request.query_params.get("next"), home)
    if call.identity.viewer is not None:
        return RedirectResponse(target, status_code=303)
    return _page(call, target)


def sign_in(call: Call) -> Response:
    """Take a name and a password."""
    config = call.state.config
    if not config.passwords:
        raise Refused(404, "There is no such page here.")
    target = safe_target(call.request, call.form.get("next"), url(call.request, "entries"))
    name, password = call.form.get("name", "").strip(), call.form.get("password", "")
    found = users.read(call.conn, name) if name else []
    user, kept = found[0] if found else (None, None)
    if not passwords.verify(password, kept, config.cost) or user is None or user.disabled:
        return _page(call, target, status=401, name=name, said="The name or the password is wrong.")
    sessions.sweep(call.conn, idle=config.idle)
    token = sessions.begin(
        call.conn, user.viewer(), longest=config.longest, user=user, address=client_address(call.request)
    )
    answer = RedirectResponse(target, status_code=303)
    sessions.set_cookie(
        call.request, answer, sessions.cookie_name(call.request), token, seconds=sessions.longest_seconds(config)
    )
    return answer


def sign_out(call: Call) -> Response:
    """End the session."""
    if call.identity.token is not None:
        sessions.end(call.conn, call.identity.token)
    answer = call.go("sign_in")
    sessions.drop_cookie(call.request, answer, sessions.cookie_name(call.request))
    return answer


def _page(call: Call, target: str, *, status: int = 200, name: str = "", said: str | None = None) -> Response:
    return render(
        call.request,
        "sign_in.html",
        status=status,
        target=target,
        name=name,
        said=said,
        passwords=call.state.config.passwords,
        provider=call.state.config.provider,
    )


routes = [
    route("/sign-in", form, name="sign_in", need=Need.NOTHING),
    route("/sign-in", sign_in, name="sign_in_send", need=Need.NOTHING, methods=("POST",), writes=True),
    route("/sign-out", sign_out, name="sign_out", need=Need.NOTHING, methods=("POST",), writes=True),
]
