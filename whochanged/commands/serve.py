"""`whochanged serve`: the page, as a process that is left running."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capture.errors import UsageError
from whochanged.commands import common
from whochanged.logs import set_up
from whochanged.workers import serve_by

if TYPE_CHECKING:
    import psycopg

    from reports.web.config import WebConfig

Pem = Path | None


def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="Port to listen at; 0 takes a free one.")
    ] = 8750,
    certificate: Annotated[Pem, typer.Option(metavar="FILE", help="Certificate (PEM), to serve HTTPS.")] = None,
    key: Annotated[Pem, typer.Option(metavar="FILE", help="Private key of the certificate (PEM).")] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Processes that share the port; one for each core at most.")
    ] = 1,
    dsn: common.Dsn = None,
) -> None:
    """Show the log in a browser, and to programs, until SIGTERM or SIGINT.

    Who may sign in: local accounts (whochanged users add), those whom a trusted reverse proxy names, or those of an
    OpenID Connect provider. docs/web.md has an example of each.
    """
    from whochanged.settings import load_settings
    from whochanged.web import require_web, web_config

    require_web()
    if (certificate is None) != (key is None):
        message = "--certificate and --key belong together: give both"
        raise UsageError(message)
    settings = load_settings()
    from reports.web.app import create_app
    from reports.web.server import check_exposure, listener, service, settle

    encrypted = certificate is not None
    check_exposure(host, encrypted=encrypted, proxied=bool(settings.trusted_proxies))
    with common.address(dsn) as found:
        config = web_config(settings, found, host=host, encrypted=encrypted)
        with common.installed(found) as connection:
            _check(connection)
            told = _who_may(connection, config)
        # Made before anything is told: a certificate that cannot be read is said at once.
        running = service(create_app(config), certificate=certificate, key=key)
        set_up(settings.log_format)
        with listener(host, port) as sock:
            shown = f"[{host}]" if ":" in host else host
            scheme = "https" if encrypted else "http"
            common.talk().print(f"The audit log is at {scheme}://{shown}:{sock.getsockname()[1]}/", soft_wrap=True)
            common.talk().print(told, soft_wrap=True)

            def work() -> None:
                settle()
                running.run(sockets=[sock])

            if workers == 1:
                work()
            else:
                serve_by(workers, work)


def _check(connection: psycopg.Connection[Any]) -> None:
    """Try at once what every request needs, so that a missing right is told here and not to the first visitor."""
    from reports.web.secrets import Secret

    Secret().load(connection)
    connection.execute("SELECT FROM audit.web_user, audit.web_session LIMIT 0")
    connection.rollback()


def _who_may(connection: psycopg.Connection[Any], config: WebConfig) -> str:
    """Say who can sign in, and how to make the first account where nobody can."""
    ways = []
    if config.headers is not None:
        ways.append("those whom the trusted proxy names")
    if config.provider is not None:
        ways.append(f"those of {config.provider.issuer}")
    if config.passwords:
        from reports.web.signin.users import read

        number = sum(not user.disabled for user, _ in read(connection))
        if number:
            ways.append("1 local account" if number == 1 else f"{number} local accounts")
    if not ways:
        return "Nobody can sign in yet: make the first account with  whochanged users add NAME"
    return f"Who can sign in: {', '.join(ways)}."
