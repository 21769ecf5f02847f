"""The viewer's own settings: the zone of the pages, and their digest by mail. Each change of them is an entry of the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from starlette.responses import Response

from capture.catalogue.model import Sensitivity
from capture.errors import UsageError
from capture.resources import query
from reports import recipients
from reports.calendar import WEEKDAYS, Cadence, zone_of
from reports.recipients import UNSUBSCRIBED, Choices, Recipient, WhenEmpty, known_modules
from reports.web.call import Call, route
from reports.web.errors import Refused
from reports.web.look import Look, look
from reports.web.render import render
from reports.web.view.times import when, zone_title

CADENCES: Final[dict[Cadence, str]] = {
    "hourly": "Each hour that brought a change",
    "daily": "Each day",
    "weekly": "Each week",
}
EMPTY: Final[dict[WhenEmpty, str]] = {
    "never": "No mail",
    "weekly": "A short mail once a week, so that silence means something",
    "always": "A mail all the same",
}
LEAST: Final[dict[Sensitivity, str]] = {
    "low": "All changes",
    "normal": "Normal and sensitive ones",
    "high": "Sensitive ones only",
}

_MODULE: Final = "module:"
_ACCOUNT: Final = "account:"


@dataclass(frozen=True, slots=True)
class Digest:
    """The viewer's digest as the form shows it; `state` says in words where it stands, `held` whether nothing is mailed now."""

    subscribed: bool
    state: str
    held: bool
    timezone: str
    cadence: str
    send_at: str
    weekday: int
    modules: frozenset[str]
    accounts: frozenset[str]
    sensitivity: str
    when_empty: str
    alerts: bool


def settings(call: Call) -> Response:
    """Show the settings."""
    seen = look(call)
    viewer = call.viewer
    return render(
        call.request,
        "settings.html",
        email=viewer.email,
        digest=_digest(seen, _own(call)) if viewer.email else None,
        modules=known_modules(seen.log.catalogue),
        accounts=seen.accounts if len(seen.accounts) > 1 else {},
        cadences=CADENCES,
        weekdays=list(enumerate((day.title() for day in WEEKDAYS), 1)),
        empty=EMPTY,
        least=LEAST,
        zones=sorted(available_timezones()),
        own_zone=viewer.timezone or seen.own_zone.key,
        zone_title=zone_title(seen.own_zone, seen.now),
        can_choose_zone=viewer.method == "password",
    )


def save_digest(call: Call) -> Response:
    """Subscribe the viewer, or change what they chose. Raises UsageError for what cannot be meant."""
    email = _email(call)
    seen = look(call)
    given = _given(call)
    if _own(call) is None:
        # Both in the one transaction of this request: one entry of the log.
        recipients.add(call.conn, seen.log.catalogue, email, name=call.viewer.name)
        recipients.change(call.conn, seen.log.catalogue, email, given)
        call.say(f"You get the digest at {email} from now on.", "good")
    else:
        _, changed = recipients.change(call.conn, seen.log.catalogue, email, given)
        call.say("Your digest is changed." if changed else "Nothing was changed.", "good" if changed else "plain")
    return call.go("settings")


def hold_digest(call: Call) -> Response:
    """Pause the viewer's digest, or resume it."""
    email = _email(call)
    if _own(call) is None:
        raise Refused(404, "You get no digest: subscribe to it first.")
    paused = call.form.get("do") != "resume"
    recipients.pause(call.conn, email, paused=paused)
    call.say(
        "Your digest is paused: nothing is lost, the next one tells everything."
        if paused
        else "Your digest comes again.",
        "good",
    )
    return call.go("settings")


def end_digest(call: Call) -> Response:
    """Remove the viewer from those who get digests."""
    email = _email(call)
    if _own(call) is None:
        raise Refused(404, "You get no digest.")
    recipients.remove(call.conn, email)
    call.say(f"No more digests are sent to {email}.", "good")
    return call.go("settings")


def save_zone(call: Call) -> Response:
    """Choose the zone of the pages. Raises UsageError where it is none, Refused where another place keeps the viewer's settings."""
    if call.viewer.method != "password":
        raise Refused(403, "Your settings are kept where you sign in: change your zone there.")
    zone = zone_of(call.form.get("timezone", "").strip()).key
    name = call.viewer.subject.partition(":")[2]
    call.conn.execute(query("web_user_timezone"), {"name": name, "timezone": zone})
    call.say(f"Times are shown in {zone}.", "good")
    return call.go("settings")


def _email(call: Call) -> str:
    if call.viewer.email is None:
        raise Refused(403, "Your sign-in has no mail address, so that nothing can be sent to you.")
    return call.viewer.email


def _own(call: Call) -> Recipient | None:
    """Return the viewer as a recipient, None where they are none."""
    wanted = (call.viewer.email or "").lower()
    return next((one for one in recipients.read(call.conn) if one.email.lower() == wanted), None)


def _digest(seen: Look, own: Recipient | None) -> Digest:
    """Return what the form shows: what was chosen, or what is proposed."""
    if own is None:
        zone = seen.own_zone.key
        return Digest(
            subscribed=False,
            state="You get no digest.",
            held=False,
            timezone=zone,
            cadence="daily",
            send_at="07:00",
            weekday=1,
            modules=frozenset(),
            accounts=frozenset(),
            sensitivity="low",
            when_empty="weekly",
            alerts=True,
        )
    return Digest(
        subscribed=True,
        state=_state(seen, own),
        held=own.held is not None,
        timezone=own.timezone,
        cadence=own.cadence,
        send_at=f"{own.send_at:%H:%M}",
        weekday=own.weekday,
        modules=frozenset(own.modules or ()),
        accounts=frozenset(own.accounts or ()),
        sensitivity=own.sensitivity,
        when_empty=own.when_empty,
        alerts=own.alerts,
    )


def _state(seen: Look, own: Recipient) -> str:
    if own.held == "paused":
        reason = " by the link in a mail" if own.paused_reason == UNSUBSCRIBED else ""
        return f"Paused{reason}. Nothing is lost: the first digest after you resume tells everything since the last."
    if own.held == "bounced":
        return "Held back, since mails to this address came back. Resume it when the address takes mail again."
    if own.held == "no_admin":
        return "Held back, since you may not see all that it tells: save it again with accounts that you see."
    zone = own.zone or ZoneInfo("UTC")
    due = own.next_due(datetime.now(UTC))
    shown = when(due, zone, seen.now)
    return f"The next one is due on {shown.day} at {shown.clock[:5]} ({zone_title(zone, seen.now)})."


def _given(call: Call) -> Choices:
    """Return what the form holds. Nobody can have themselves sent what they may not see."""
    form = call.form
    cadence, when_empty = form.get("cadence", ""), form.get("when_empty", "")
    sensitivity = form.get("sensitivity", "")
    if cadence not in CADENCES or when_empty not in EMPTY or sensitivity not in LEAST:
        raise UsageError("the form was not filled in: load the page again")
    weekday = form.get("weekday", "1")
    if weekday not in {str(number) for number in range(1, 8)}:
        raise UsageError("the weekday is none: choose one of the list")
    try:
        send_at = time.fromisoformat(form.get("send_at", ""))
    except ValueError:
        raise UsageError("the time of the digest is none: write one such as 07:00") from None
    asked = {name.removeprefix(_ACCOUNT) for name in form if name.startswith(_ACCOUNT)}
    scope = call.viewer.accounts
    accounts = asked if scope is None else (asked & scope) or scope
    return Choices(
        timezone=form.get("timezone", "").strip(),
        cadence=cadence,
        send_at=send_at.replace(second=0, microsecond=0, tzinfo=None),
        weekday=int(weekday),
        accounts=sorted(accounts),
        modules=[name.removeprefix(_MODULE) for name in form if name.startswith(_MODULE)],
        sensitivity=sensitivity,
        when_empty=when_empty,
        alerts="alerts" in form,
    )


routes = [
    route("/settings", settings, name="settings"),
    route("/settings/digest", save_digest, name="save_digest", methods=("POST",), writes=True),
    route("/settings/digest/hold", hold_digest, name="hold_digest", methods=("POST",), writes=True),
    route("/settings/digest/end", end_digest, name="end_digest", methods=("POST",), writes=True),
    route("/settings/zone", save_zone, name="save_zone", methods=("POST",), writes=True),
]
