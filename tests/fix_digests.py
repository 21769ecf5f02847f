"""Digests that wait to be sent."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.digests import ANA, BEN, EVE, add, cut, rename

Connection = psycopg.Connection[Any]


@pytest.fixture
def cut_for_three(crm_conn: Connection) -> Connection:
    """Give a connection to the CRM with a digest each for three recipients that nobody has sent yet."""
    for email in (ANA, BEN, EVE):
        add(crm_conn, email)
    rename(crm_conn, "Europe")
    assert len(cut(crm_conn)) == 3
    return crm_conn
