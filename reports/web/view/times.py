"""Times and days as the viewer reads them: in one named zone, each day with its name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class When:
    """A time as it is shown. `iso` is for machines, in UTC; `clock` "09:20:50"; `day` "24 Nov 2026".

    `offset` ("UTC+2") is None where it is that of now, which the page names once.
    """

    iso: str
    clock: str
    day: str
    offset: str | None
    local: datetime
    zone: ZoneInfo

    @property
    def full(self) -> str:
        """All of it, with the zone and its offset."""
        local = self.local
        return (
            f"{local:%A}, {local.day} {local:%B %Y, %H:%M:%S}.{local.microsecond // 1000:03} "
            f"{zone_title(self.zone, local)}"
        )


def when(at: datetime, zone: ZoneInfo, now: datetime) -> When:
    """Return a time as a reader in *zone* sees it."""
    local = at.astimezone(zone)
    same = local.utcoffset() == now.astimezone(zone).utcoffset()
    return When(
        iso=at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        clock=f"{local:%H:%M:%S}",
        day=f"{local.day} {local:%b %Y}",
        offset=None if same else offset_words(local),
        local=local,
        zone=zone,
    )


def day_words(day: date, today: date) -> tuple[str, str]:
    """Return a day for a heading in two parts: "Today" or nothing, and "Tuesday, 24 November 2026"."""
    near = {today: "Today", today - timedelta(days=1): "Yesterday"}
    return near.get(day, ""), f"{day:%A}, {day.day} {day:%B %Y}"


def zone_words(zone: ZoneInfo) -> str:
    """Return a zone's name as people write it: "Europe/Berlin", "America/New York"."""
    return "UTC" if zone.key in {"UTC", "Etc/UTC"} else zone.key.replace("_", " ")


def offset_words(at: datetime) -> str:
    """Return how far a local time is from UTC: "UTC", "UTC+1", "UTC-3:30"."""
    minutes = round((at.utcoffset() or timedelta()) / timedelta(minutes=1))
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02}" if rest else "")


def zone_title(zone: ZoneInfo, now: datetime) -> str:
    """Return a zone with its present offset: "Europe/Berlin (UTC+1)"."""
    name, offset = zone_words(zone), offset_words(now.astimezone(zone))
    return name if name == offset else f"{name} ({offset})"
