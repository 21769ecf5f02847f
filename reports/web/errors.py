"""What went wrong, said to people as a page and to programs as application/problem+json (RFC 9457)."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

import jinja2
import psycopg
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from capture.errors import UsageError, WhochangedError

PROBLEM = "application/problem+json"
FOR_PROGRAMS = ("/api/", "/healthz")

INCOMPLETE = "This link is not complete"
_TITLES = {
    401: "Sign in first",
    403: "This was refused",
    404: "There is no such page",
    405: "There is no such page",
    413: "That is too large",
    429: "That was too often",
    500: "Something went wrong",
    503: "The log cannot answer now",
}
"""What the pages are headed with: a reader need not know the phrases of HTTP."""

_log = logging.getLogger(__name__)


class Refused(Exception):  # noqa: N818 - not an error of ours: what was asked for is not given
    """What is asked for is not given: the status and a sentence that says what to do."""

    def __init__(self, status: int, said: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(said)
        self.status = status
        self.said = said
        self.headers = headers or {}


def problem(status: int, said: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Answer a program: RFC 9457's members type, title, status and detail."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": said}
    return JSONResponse(document, status, headers=headers, media_type=PROBLEM)


def answer(request: Request, error: Exception) -> Response:
    """Answer with what went wrong, to a person or a program. What nobody foresaw is logged under a number, and tells nothing else."""
    status, said, headers = _told(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and isinstance(error, Refused):
        _log.warning("%s", said)
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        number = secrets.token_hex(4)
        foreseen = isinstance(error, WhochangedError | psycopg.Error)
        _log.error("request %s failed: %s", number, " ".join(str(error).split()), exc_info=None if foreseen else error)
        said = f"{said} (The service's log has more under {number}.)"
    inside = request.url.path.removeprefix(str(request.scope.get("root_path", "")))
    if inside.startswith(FOR_PROGRAMS):
        return problem(status, said, headers)
    from reports.web.render import render

    try:
        page = render(
            request, "error.html", status=status, title=_title(request, status, error), said=said, incomplete=INCOMPLETE
        )
    except (jinja2.TemplateError, AttributeError):
        _log.exception("the page of an error failed")
        return Response(said, status, headers, "text/plain; charset=utf-8")
    page.headers.update(headers)
    return page


def _title(request: Request, status: int, error: Exception) -> str:
    """Return what a page is headed with: what an address or a form says wrongly is told apart from what went wrong here."""
    if status == HTTPStatus.BAD_REQUEST and isinstance(error, UsageError | psycopg.DataError):
        return INCOMPLETE if request.method in ("GET", "HEAD") else "Nothing was saved"
    return _TITLES.get(status, HTTPStatus(status).phrase)


def _told(error: Exception) -> tuple[int, str, dict[str, str]]:
    """Return the status, the sentence and the headers of an error."""
    match error:
        case Refused():
            return error.status, error.said, error.headers
        case HTTPException(status_code=404):
            return 404, "There is no such page here.", {}
        case HTTPException():
            return error.status_code, f"{error.detail}.", dict(error.headers or {})
        case UsageError():
            return 400, sentence(error), {}
        case psycopg.Error():
            return _of_the_database(error)
        case WhochangedError():
            return 503, sentence(error), {}
        case _:
            return 500, "Something went wrong here, and nothing was changed.", {}


def _of_the_database(error: Exception) -> tuple[int, str, dict[str, str]]:
    match error:
        case psycopg.errors.QueryCanceled():
            return 503, "That took too long: choose a shorter period, or fewer filters.", {"Retry-After": "10"}
        case psycopg.errors.InsufficientPrivilege() | psycopg.errors.UndefinedTable():
            return 503, "The service may not read the log: run  whochanged status  as the operator.", {}
        case psycopg.DataError():
            return 400, "The log has no such value: correct what was asked for.", {}
        case PoolTimeout():
            said = "The log is busy, or its database cannot be reached: try again in a moment."
            return 503, said, {"Retry-After": "5"}
        case psycopg.OperationalError():
            return 503, "The database of the log cannot be reached: try again in a moment.", {"Retry-After": "5"}
        case _:
            return 500, "The database refused what was asked, and nothing was changed.", {}


def sentence(error: Exception) -> str:
    """Return what an error says as a sentence, on one line."""
    said = " ".join(str(error).split())
    return f"{said[:1].upper()}{said[1:].rstrip('.')}."
