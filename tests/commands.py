"""Running a command as a person would, and reading what it printed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from whochanged.cli import run

Capture = pytest.CaptureFixture[str]


def said(capsys: Capture, *arguments: str, code: int = 0) -> tuple[str, str]:
    """Run a command and return what it printed on standard output and on standard error."""
    assert run([*arguments]) == code, capsys.readouterr()
    printed = capsys.readouterr()
    return printed.out, printed.err


def refused(capsys: Capture, code: int, *arguments: str) -> str:
    """Run a command that must fail with one line."""
    out, err = said(capsys, *arguments, code=code)
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert err.startswith("whochanged: ")
    return err


def documents(capsys: Capture, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """Run a command with --json and return what it printed."""
    return [json.loads(line) for line in said(capsys, *arguments, "--json", code=code)[0].splitlines()]
