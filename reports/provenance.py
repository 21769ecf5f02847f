"""What stands behind the name of an actor, in words."""

from __future__ import annotations

from capture.model import Entry


def trust_words(entry: Entry) -> str:
    """Return whose word the name of the actor is: "signed with key 2", "claimed by crm_report; nothing vouches for it"."""
    worth, _, key = (entry.source.signature or "").partition(":")
    user = entry.source.database_user
    if worth in {"invalid", "expired"}:
        return f"claimed by {user}, with a signature that is {worth}"
    if entry.actor_kind != "user":
        return "the database's own knowledge"
    if entry.actor_trust == "claimed":
        return f"claimed by {user}; nothing vouches for it"
    return f"signed with key {key}" if worth else f"vouched for by the trusted gateway {user}"
