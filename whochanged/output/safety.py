"""Stored text on a terminal and for programs: harmless, wherever it is shown."""

from __future__ import annotations

from reports.safety import cell, json_neutral, neutral

__all__ = ["cell", "json_neutral", "neutral"]
