"""What can be called or set is documented, and what is documented can be called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from capture.catalogue.model import Column, Table
from whochanged.cli import app
from whochanged.secret_files import is_secret
from whochanged.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parent.parent
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
CATALOGUE = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

_ROOT_COMMAND: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = dict(_ROOT_COMMAND.commands)
# Commands of a group stand in the section of the group.
EVERY = {
    f"{name} {sub}".strip(): command
    for name, group in COMMANDS.items()
    for sub, command in (getattr(group, "commands", None) or {"": group}).items()
}


def _section(command: str) -> str:
    match = re.search(rf"^## whochanged {command}$(.*?)(?=^## |\Z)", CLI, re.MULTILINE | re.DOTALL)
    assert match, f"docs/cli.md has no section 'whochanged {command}'"
    return match[1]


@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_command_and_option_is_documented(name: str) -> None:
    section = _section(name.split(maxsplit=1)[0])
    options = {option for parameter in EVERY[name].params for option in parameter.opts if option.startswith("--")}
    undocumented = {option for option in options - {"--help"} if f"`{option}" not in section}
    assert undocumented == set()
    assert f"{name}`" in section or f"{name} " in section or name in COMMANDS


def test_every_documented_command_exists() -> None:
    documented = set(re.findall(r"^## whochanged (\w+)$", CLI, re.MULTILINE))
    assert documented == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_command_and_option_has_help(name: str) -> None:
    command = EVERY[name]
    assert command.help
    assert [parameter.name for parameter in command.params if not getattr(parameter, "help", None)] == []


def test_every_setting_is_documented() -> None:
    undocumented = [name for name in Settings.model_fields if f"`{PREFIX}{name.upper()}`" not in CLI]
    assert undocumented == []


def test_every_documented_setting_exists() -> None:
    documented = set(re.findall(rf"`{PREFIX}([A-Z_]+)`", "".join(page.read_text(encoding="utf-8") for page in PAGES)))
    of_options = {"TIMEZONE"} | {
        f"{name.upper()}_FILE" for name, field in Settings.model_fields.items() if is_secret(field)
    }
    assert documented - of_options <= {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("model", [Table, Column])
def test_every_key_of_the_catalogue_is_documented(model: type[Table | Column]) -> None:
    undocumented = [name for name in model.model_fields if f"`{name}`" not in CATALOGUE]
    assert undocumented == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_every_test_that_a_page_names_exists() -> None:
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8"))}
    there = {
        name
        for file in (ROOT / "tests").glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) > 50
    assert named - there == set()


def test_readme_has_exactly_two_commands_to_set_up() -> None:
    assert re.findall(r"^ {4}(make \w+)", README, re.MULTILINE) == ["make demo", "make test"]
