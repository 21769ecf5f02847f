"""The health as metrics of Prometheus: each request looks anew, over a connection of its own, at most once a second.

Names end in their unit; nothing here names a person or an address. Needs `pip install 'whochanged[metrics]'`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import psycopg

from capture.errors import ConfigurationError
from capture.migrate import program_version
from reports.health import Health, JobHealth, health
from reports.runs import said

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Connect = Callable[[], psycopg.Connection[Any]]
Environ = dict[str, Any]

_AT_MOST_EVERY = 1.0
"""Seconds between two looks: whoever asks more often gets the last one again."""
_ANSWER_MS = 5000
_CLOSE = 5.0

_log = logging.getLogger(__name__)


class Looking:
    """Looks at the health, over a connection that *connect* opens, and keeps what it saw for a second.

    Safe to be asked by several threads. What goes wrong is logged, told by `None`, and in `trouble` in one line.
    """

    trouble: str | None = None

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._at = float("-inf")
        self._seen: tuple[Health | None, float] = (None, 0.0)

    def look(self) -> tuple[Health | None, float]:
        """Return the health, None where the database did not tell, and how many seconds that took."""
        with self._lock:
            began = time.monotonic()
            if began - self._at >= _AT_MOST_EVERY:
                found = self._health()
                self._at = time.monotonic()
                self._seen = found, self._at - began
            return self._seen

    def _health(self) -> Health | None:
        try:
            with closing(self._connect()) as conn:
                conn.execute("SELECT set_config('statement_timeout', %s, false)", (str(_ANSWER_MS),))
                found = health(conn)
        except Exception as error:  # noqa: BLE001 - a metric says that the look failed, and the log why
            self.trouble = said(error)
            _log.warning("health cannot be told: %s", self.trouble, extra={"event": "health_failed"})
            return None
        self.trouble = None
        return found


class HealthCollector:
    """What `prometheus_client` asks for the metrics: register it with a registry."""

    def __init__(self, looking: Looking) -> None:
        self._looking = looking

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        found, seconds = self._looking.look()
        yield InfoMetricFamily("whochanged", "The program that tells.", value={"version": program_version()})
        yield GaugeMetricFamily("whochanged_up", "Whether the database told its health (1).", value=found is not None)
        yield GaugeMetricFamily("whochanged_health_duration_seconds", "How long it took to look.", value=seconds)
        if found is not None:
            yield from _metrics(found)


def _metrics(found: Health) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    stand, mail, log = found.watermark, found.mail, found.log
    yield _one("healthy", "Whether nothing critical is amiss (1), as /healthz says.", found.ok)
    yield _each("problem", "What is amiss (1), by its code.", ("code", "severity"), _problems(found))
    yield _one("scheduler_leads", "Whether a process of whochanged run is at work (1).", found.leader_pid is not None)
    yield _jobs(found, "job_last_success_timestamp_seconds", "When it last did what it should.", _succeeded)
    yield _jobs(
        found, "job_seconds_since_success", "The age of that; without one, of the installation.", _since_success
    )
    yield _jobs(found, "job_next_due_timestamp_seconds", "When it is due next.", _next_due)
    yield _jobs(found, "job_failing", "Whether nothing succeeded since it failed (1).", lambda job: float(job.failing))
    yield _one("watermark_lag_transactions", "Transaction numbers above the watermark.", stand.lag_transactions)
    yield _one("watermark_lag_seconds", "How long what holds it back has been open.", stand.lag_seconds)
    waits = _age(found.at, stand.waiting_since)
    yield _one("changes_waiting_seconds", "Age of the oldest change that no digest can tell yet.", waits)
    yield _one("recipients", "Recipients that get digests.", mail.readers)
    yield _one("recipients_bounced", "Recipients whose mails come back.", mail.bounced)
    yield _one("digests_overdue", "Digests that have been due for an hour and are not cut.", len(mail.overdue))
    states = {"pending": mail.waiting - mail.retrying, "retry": mail.retrying, "parked": mail.parked}
    yield _each("deliveries", "Mails that are not sent.", ("state",), {(name,): n for name, n in states.items()})
    yield _one("delivery_oldest_seconds", "Age of the oldest mail that waits; 0 without one.", mail.oldest_seconds or 0)
    yield _one("mail_last_sent_timestamp_seconds", "When a mail was last taken.", _at(mail.last_sent_at))
    yield _one("partitions_ahead_days", "Days ahead that have their partitions.", log.days_ahead)
    yield _one("spilled_rows", "Rows in the spill tables, counted up to 20,000.", log.spilled_rows)
    yield _one("log_bytes", "Size of the log, of past days as the last vacuum counted it.", log.log_bytes)
    yield _one("log_oldest_timestamp_seconds", "Time of the oldest entry.", _at(log.oldest_entry))
    for name, words, number in (
        ("degraded", "that could not be recorded in full", log.degraded),
        ("unrecorded", "that are not in the log at all", log.unrecorded),
    ):
        yield CounterMetricFamily(f"whochanged_{name}_statements", f"Statements over available tables {words}.", number)


def exposition(looking: Looking) -> bytes:
    """Return all metrics as text, as node_exporter's textfile collector and Prometheus read it. Raises ConfigurationError."""
    from prometheus_client import generate_latest

    return generate_latest(_registry(looking))


@contextmanager
def serving(looking: Looking, host: str, port: int) -> Iterator[int]:
    """Serve `/metrics` and `/healthz` while the block lasts, and give the port (that of 0 is a free one).

    Raises ConfigurationError where the library is missing or the address cannot be had.
    """
    registry = _registry(looking)
    from prometheus_client import make_wsgi_app
    from prometheus_client.exposition import ThreadingWSGIServer

    metrics = make_wsgi_app(registry)

    def app(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if environ.get("REQUEST_METHOD") not in {"GET", "HEAD"}:
            return _answer(start, "405 Method Not Allowed", {"error": "GET only"})
        if path == "/metrics":
            told: Iterable[bytes] = metrics(environ, start)
            return told
        if path == "/healthz":
            return _healthz(looking, start)
        return _answer(start, "404 Not Found", {"error": "there are /metrics and /healthz"})

    try:
        server = make_server(host, port, app, ThreadingWSGIServer, handler_class=_Quiet)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"cannot serve metrics at {host}, port {port}: {reason}") from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(_CLOSE)


def _healthz(looking: Looking, start: Callable[..., Any]) -> Iterable[bytes]:
    """200 where nothing critical is amiss, else 503; no more than the codes, for anybody may ask."""
    found, _ = looking.look()
    if found is None:
        return _answer(start, "503 Service Unavailable", {"status": "critical", "problems": ["database"]})
    told = {"status": found.status, "problems": [problem.code for problem in found.problems]}
    return _answer(start, "200 OK" if found.ok else "503 Service Unavailable", told)


def _answer(start: Callable[..., Any], status: str, told: dict[str, Any]) -> Iterable[bytes]:
    body = json.dumps(told).encode() + b"\n"
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


class _Quiet(WSGIRequestHandler):
    """Logs nothing of a request, and waits for none for ever."""

    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""

    def handle(self) -> None:
        """Answer; one who hangs up is no fault of ours."""
        with suppress(ConnectionError, TimeoutError):
            super().handle()


def _registry(looking: Looking) -> Any:
    try:
        from prometheus_client import CollectorRegistry
    except ImportError:
        message = "the library of the metrics is not installed: run  pip install 'whochanged[metrics]'"
        raise ConfigurationError(message) from None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(HealthCollector(looking))
    return registry


def _one(name: str, words: str, value: float | None) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"whochanged_{name}", words)
    if value is not None:
        family.add_metric([], value)
    return family


def _each(name: str, words: str, labels: tuple[str, ...], values: dict[tuple[str, ...], float]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"whochanged_{name}", words, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family


def _jobs(found: Health, name: str, words: str, value: Callable[[JobHealth], float | None]) -> Metric:
    told: dict[tuple[str, ...], float] = {
        (job.job,): number for job in found.jobs if (number := value(job)) is not None
    }
    return _each(name, words, ("job",), told)


def _problems(found: Health) -> dict[tuple[str, ...], float]:
    return {(problem.code, problem.severity): 1.0 for problem in found.problems}


def _succeeded(job: JobHealth) -> float | None:
    return _at(job.succeeded_at)


def _since_success(job: JobHealth) -> float:
    return job.seconds_since_success


def _next_due(job: JobHealth) -> float | None:
    return _at(job.next_due_at)


def _at(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _age(now: datetime, moment: datetime | None) -> float:
    return 0.0 if moment is None else max((now - moment).total_seconds(), 0.0)
