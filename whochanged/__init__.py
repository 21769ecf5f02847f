"""Who changed what in our configuration, when, from where, from what to what: for any PostgreSQL database.

`from whochanged import actor` says who is acting; `from whochanged import recipients` manages who gets digests.
"""

from capture.context import actor

__all__ = ["actor"]
