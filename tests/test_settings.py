"""Settings come from the environment, the database's address by fixed rules, and no secret is ever shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from capture.errors import ConfigurationError, UsageError
from whochanged.settings import Settings, load_settings, resolve_dsn, shown_dsn

FIRST, SECOND = "postgresql://a@one/x", "postgresql://b@two/y"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start each test without settings."""
    for name in list(os.environ):
        if name.startswith(("WHOCHANGED_", "PG")) or name == "DATABASE_URL":
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "cli,environment,expected",
    [
        (FIRST, {"WHOCHANGED_DATABASE_URL": SECOND}, FIRST),
        (None, {"WHOCHANGED_DATABASE_URL": FIRST, "DATABASE_URL": SECOND}, FIRST),
        (None, {"DATABASE_URL": SECOND, "PGHOST": "three"}, SECOND),
        (None, {"PGHOST": "three"}, ""),
        (None, {"PGSERVICE": "audit"}, ""),
        (None, {"PGPASSWORD": "alone says no place"}, None),
        (None, {"DATABASE_URL": ""}, None),
        (None, {}, None),
        ("host=one dbname=x", {}, "host=one dbname=x"),
        ("postgresql+psycopg://a:b%40c@one/x", {}, "postgresql://a:b%40c@one/x"),
        ("postgres://a@one/x", {}, "postgresql://a@one/x"),
    ],
)
def test_the_first_address_found_wins(cli: str | None, environment: dict[str, str], expected: str | None) -> None:
    """--dsn, our variable, DATABASE_URL, libpq's own; None stands for the embedded server."""
    assert resolve_dsn(cli, environment) == expected


@pytest.mark.parametrize("address", ["mysql://root:hunter2@one/x", "host=one hunter2", "postgresql://a:hunter2@[one/x"])
def test_a_wrong_address_is_refused_without_repeating_it(address: str) -> None:
    """The message names where the address came from and how one looks, and no password."""
    with pytest.raises(UsageError, match=r"^--dsn .*postgresql://user@host") as on_command_line:
        resolve_dsn(address, {})
    with pytest.raises(ConfigurationError, match=r"^DATABASE_URL ") as in_environment:
        resolve_dsn(None, {"DATABASE_URL": address})
    assert "hunter2" not in f"{on_command_line.value} {in_environment.value}"


def test_an_at_sign_in_a_password_is_told() -> None:
    """Half of such a password would be taken for the server's name, and shown with it."""
    with pytest.raises(UsageError, match="write those of the password as %40") as caught:
        resolve_dsn("postgresql://a:hun@ter2@one/x", {})
    assert "ter2" not in str(caught.value)


def test_settings_have_defaults() -> None:
    """Nothing must be set."""
    settings = load_settings()
    assert settings.retention_days == 90
    assert settings.product_roles == ()
    assert settings.database_url is None


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each is a variable with our prefix; roles are parted by commas."""
    monkeypatch.setenv("WHOCHANGED_PRODUCT_ROLES", "app_jobs, billing ,")
    monkeypatch.setenv("WHOCHANGED_RETENTION_DAYS", "30")
    monkeypatch.setenv("WHOCHANGED_HOME", str(tmp_path))
    settings = load_settings()
    assert settings.product_roles == ("app_jobs", "billing")
    assert settings.retention_days == 30
    assert settings.home_folder == tmp_path


@pytest.mark.parametrize(
    "name,value",
    [
        ("RETENTION_DAYS", "hunter2"),
        ("RETENTION_DAYS", "0"),
        ("SMTP_URL", "http://me:hunter2@mail"),
        ("SMTP_URL", "hunter2"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """One line names the variable and what it may be, and does not repeat the value."""
    monkeypatch.setenv(f"WHOCHANGED_{name}", value)
    with pytest.raises(ConfigurationError, match=f"^WHOCHANGED_{name} is not usable: ") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither printing the settings nor showing an address gives a password away."""
    monkeypatch.setenv("WHOCHANGED_DATABASE_URL", "postgresql://a:hunter2@one/x")
    monkeypatch.setenv("WHOCHANGED_SMTP_URL", "smtps://a:hunter2@mail:465")
    settings = load_settings()
    assert isinstance(settings, Settings)
    assert "hunter2" not in f"{settings} {settings!r} {settings.model_dump_json()}"
    shown = shown_dsn("postgresql://a:hunter2@one/x?sslpassword=hunter2")
    assert "hunter2" not in shown
    assert "host=one" in shown
