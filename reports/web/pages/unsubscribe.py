"""Ending a digest by the link in a mail: without a sign-in, for the token is the right; a look alone ends nothing."""

from __future__ import annotations

from starlette.responses import Response

from reports.recipients import unsubscribe
from reports.web.call import Call, Need, route
from reports.web.render import render


def ask(call: Call) -> Response:
    """Show a button: mail scanners follow every link, and must not unsubscribe anybody."""
    return _page(call, done=False)


def end(call: Call) -> Response:
    """Pause the digest; mail programs send this by themselves (RFC 8058). Whether a token is known, nobody is told who guesses."""
    unsubscribe(call.conn, str(call.request.path_params["token"]))
    return _page(call, done=True)


def _page(call: Call, *, done: bool) -> Response:
    return render(call.request, "unsubscribe.html", token=str(call.request.path_params["token"]), done=done)


routes = [
    route("/unsubscribe/{token}", ask, name="unsubscribe", need=Need.NOTHING),
    route(
        "/unsubscribe/{token}",
        end,
        name="unsubscribe_send",
        need=Need.NOTHING,
        methods=("POST",),
        writes=True,
        form_token=False,
    ),
]
