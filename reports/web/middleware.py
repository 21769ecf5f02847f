"""Around every request: where it came from, under which name it was asked for, how long it may take, and what browsers are told."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reports.web.config import Network, WebConfig
from reports.web.errors import answer


class Boundary:
    """The outermost of ours."""

    def __init__(self, app: ASGIApp, config: WebConfig) -> None:
        self.app = app
        self.config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the host, see through the trusted proxy, and add the headers to the answer."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)
            return
        scope = dict(scope)
        headers = Headers(scope=scope)
        _see_through(scope, headers, self.config)
        _below(scope, self.config.root)
        nonce = secrets.token_urlsafe(16)
        scope["state"] = {**scope.get("state", {}), "nonce": nonce}

        started = False

        async def sender(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _protect(MutableHeaders(scope=message), self.config, nonce, secure=scope["scheme"] == "https")
            await send(message)

        if self.config.only_proxies and not _is_near(scope):
            refusal = PlainTextResponse("Plain HTTP is answered to the reverse proxy only: ask it, by https.\n", 403)
            await refusal(scope, receive, sender)
            return
        if len(headers.getlist("host")) != 1 or not _is_ours(headers["host"], self.config.hosts):
            refusal = PlainTextResponse(
                "This service is asked for under another name: see docs/web.md, Host names.\n", 421
            )
            await refusal(scope, receive, sender)
            return
        try:
            await self.app(scope, _bounded(receive, headers, self.config), sender)
        except Exception as error:
            if started:
                raise
            await answer(Request(scope), error)(scope, receive, sender)


def _below(scope: Scope, root: str) -> None:
    """Put the request below the path under which a proxy shows the page."""
    if root and not scope.get("root_path"):
        scope["root_path"] = root
        if scope["path"] != root and not scope["path"].startswith(f"{root}/"):
            scope["path"] = root + scope["path"]


def _is_near(scope: Scope) -> bool:
    """Return whether a request is from a trusted proxy, or from this machine."""
    address = _address(scope["client"][0]) if scope.get("client") else None
    return bool(scope["whochanged.proxied"]) or (address is not None and address.is_loopback)


def trusted(address: str | None, networks: Iterable[Network]) -> bool:
    """Return whether an address is one of a trusted proxy."""
    found = _address(address)
    return found is not None and any(found in network for network in networks)


def _address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address((text or "").strip())
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _see_through(scope: Scope, headers: Headers, config: WebConfig) -> None:
    """Take the client's address and scheme from the headers of a trusted proxy; from anybody else they are left out of account."""
    peer = scope["client"][0] if scope.get("client") else None
    scope["whochanged.proxied"] = trusted(peer, config.proxies)
    if not scope["whochanged.proxied"]:
        return
    # The last address that no trusted proxy has: what stands before it, the client may have written.
    hops = [hop for line in headers.getlist("x-forwarded-for") for hop in line.split(",")]
    for hop in reversed(hops):
        found = _address(hop)
        if found is None:
            break
        scope["client"] = (str(found), 0)
        if not trusted(str(found), config.proxies):
            break
    scheme = headers.get("x-forwarded-proto", "").strip().lower()
    if scheme in {"http", "https"}:
        scope["scheme"] = scheme


def _is_ours(host: str, names: Iterable[str]) -> bool:
    """Return whether a Host header names us, with any port."""
    name, _, port = host.lower().partition("]") if host.startswith("[") else host.lower().partition(":")
    if host.startswith("["):
        name, port = f"{name}]", port.removeprefix(":")
    if port and not port.isdecimal():
        return False
    return any(wanted in ("*", name) for wanted in (each.lower() for each in names))


def _bounded(receive: Receive, headers: Headers, config: WebConfig) -> Receive:
    """Receive no more than so many bytes within so many seconds: who sends a flood, or drop by drop, holds no place here."""
    until = asyncio.get_running_loop().time() + config.body_seconds
    complete, size = False, 0
    length = headers.get("content-length", "")
    announced = int(length) if length.isdecimal() else 0

    async def bounded() -> Message:
        nonlocal complete, size
        if complete:  # the next message is that the client has gone
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "The request came too slowly") from None
        complete = not message.get("more_body", False)
        size += len(message.get("body", b""))
        if max(size, announced) > config.body_bytes:
            raise HTTPException(413, f"The request is too large: at most {config.body_bytes} bytes")
        return message

    return bounded


def _protect(headers: MutableHeaders, config: WebConfig, nonce: str, *, secure: bool) -> None:
    """Tell browsers what our pages never do, so that what gets into one can do nothing."""
    ancestors = " ".join(config.ancestors) or "'none'"
    policy = (
        f"default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )
    headers["Content-Security-Policy"] = policy
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    headers["X-Robots-Tag"] = "noindex, nofollow"
    if not config.ancestors:
        headers["X-Frame-Options"] = "DENY"
    if secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    headers.setdefault("Cache-Control", "no-store")
