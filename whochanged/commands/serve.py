"""`whochanged serve`: the page, as a process that is left running."""

from __future__ import annotations

from typing import Annotated

import typer

from whochanged.commands import common


def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="Port to listen at.")] = 8750,
    dsn: common.Dsn = None,
) -> None:
    """Show the log in a browser, until SIGTERM or SIGINT."""
    import uvicorn

    from reports.web.app import create_app
    from reports.web.config import WebConfig

    with common.address(dsn) as found:
        with common.installed(found):
            pass
        common.talk().print(f"Serving the audit log at http://{host}:{port}/")
        uvicorn.run(create_app(WebConfig(found)), host=host, port=port, proxy_headers=False, server_header=False)
