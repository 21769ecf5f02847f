"""Who changed what in our configuration, when, from where, from what to what: for any PostgreSQL database."""

from capture.context import actor

__all__ = ["actor"]
