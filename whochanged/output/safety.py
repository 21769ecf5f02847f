"""Stored text for programs and terminals, harmless: see `reports.safety`."""

from __future__ import annotations

from reports.safety import cell, json_neutral, neutral

__all__ = ["cell", "json_neutral", "neutral"]
