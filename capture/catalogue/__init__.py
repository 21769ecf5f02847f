"""The catalogue: which table belongs to which module, and in which words its changes are told."""

from __future__ import annotations

from capture.catalogue.loading import load, load_shipped
from capture.catalogue.model import Catalogue, Table

__all__ = ["Catalogue", "Table", "load", "load_shipped"]
