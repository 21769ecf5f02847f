"""Times as the commands take them: those of the page, under the name that the commands know."""

from __future__ import annotations

from reports.moments import moment, zone

__all__ = ["moment", "zone"]
