"""Signing in by name and password, and out."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from capture.resources import query
from reports.web.call import Call, Need, route
from reports.web.errors import Refused
from reports.web.journal import client_address, note, note_refused
from reports.web.render import render, url
from reports.web.signin import passwords, sessions, throttle, users
from reports.web.signin.targets import safe_target
from reports.web.viewer import Viewer

_MINUTE = 60


def form(call: Call) -> Response:
    """Show the ways in."""
    target = _target(call, call.request.query_params.get("next"))
    if call.identity.viewer is not None:
        return RedirectResponse(target, status_code=303)
    if call.identity.refusal is not None:
        raise call.identity.refusal
    if call.state.config.identify is not None:
        raise Refused(403, "Sign in to the application that this page is a part of, then come back.")
    return _page(call, target)


def sign_in(call: Call) -> Response:
    """Take a name and a password. Whether there is such a name, neither the answer nor its time tells."""
    config, conn, secret = call.state.config, call.conn, call.state.secret
    if not config.passwords or config.identify is not None:
        raise Refused(404, "There is no such page here.")
    target = _target(call, call.form.get("next"))
    name, password = call.form.get("name", "").strip()[:200], call.form.get("password", "")
    address = client_address(call.request)
    found = users.read(conn, name) if name and "\0" not in name else []
    user, kept = found[0] if found else (None, None)
    tries = throttle.buckets(secret, name, address, throttle.known_device(call.request, secret, name))
    wait = throttle.take(conn, tries)
    right = wait is None and passwords.verify(password, kept, config.cost)
    if user is None or not right or user.disabled:
        note_refused(conn, secret, name=None if user is None else user.shown, method="password", address=address)
        return _refused(call, target, name, wait)
    throttle.give_back(conn, tries)
    if passwords.outdated(kept or "", config.cost):
        values = {"id": user.id, "password_hash": passwords.hash_password(password, config.cost)}
        conn.execute(query("web_user_rehash"), values)
    answer = enter(call, user.viewer(), user, target)
    device = throttle.device_cookie(call.request, secret, name)
    sessions.set_cookie(call.request, answer, throttle.COOKIE, device, seconds=throttle.COOKIE_SECONDS)
    return answer


def enter(call: Call, viewer: Viewer, user: users.User | None, target: str) -> Response:
    """Begin a session, under a token that nobody knew before, end the one that the browser had, and go where it wanted to."""
    config, conn = call.state.config, call.conn
    sessions.sweep(conn, idle=config.idle)
    if call.identity.token is not None:
        sessions.end(conn, call.identity.token)
    address = client_address(call.request)
    with conn.transaction():
        token = sessions.begin(conn, viewer, longest=config.longest, user=user, address=address)
        note(conn, call.request, viewer, "signed_in")
    answer = RedirectResponse(target, status_code=303)
    seconds = sessions.longest_seconds(config)
    sessions.set_cookie(call.request, answer, sessions.cookie_name(call.request), token, seconds=seconds)
    return answer


def sign_out(call: Call) -> Response:
    """End the session."""
    if call.identity.token is not None:
        sessions.end(call.conn, call.identity.token)
        note(call.conn, call.request, call.viewer, "signed_out")
    answer = call.go("sign_in")
    sessions.drop_cookie(call.request, answer, sessions.cookie_name(call.request))
    call.say("You are signed out.", "good")
    return answer


def _target(call: Call, given: str | None) -> str:
    return safe_target(call.request, given, url(call.request, "entries"))


def _refused(call: Call, target: str, name: str, wait: int | None) -> Response:
    if wait is None:
        return _page(call, target, status=401, name=name, said="The name or the password is wrong.")
    minutes = -(-wait // _MINUTE)
    when = "in a minute" if minutes == 1 else f"in {minutes} minutes"
    answer = _page(
        call, target, status=429, name=name, said=f"Too many tries: this one was not looked at. Try again {when}."
    )
    answer.headers["Retry-After"] = str(wait)
    return answer


def _page(call: Call, target: str, *, status: int = 200, name: str = "", said: str | None = None) -> Response:
    config = call.state.config
    return render(
        call.request,
        "sign_in.html",
        status=status,
        target=target,
        name=name,
        said=said,
        passwords=config.passwords,
        provider=config.provider,
    )


routes = [
    route("/sign-in", form, name="sign_in", need=Need.NOTHING),
    route(
        "/sign-in",
        sign_in,
        name="sign_in_send",
        need=Need.NOTHING,
        methods=("POST",),
        mode="each",
        lane="sign-in",
    ),
    route("/sign-out", sign_out, name="sign_out", need=Need.NOTHING, methods=("POST",), mode="write"),
]
