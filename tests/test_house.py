"""The house: what must hold for every file that is kept here."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.fix_postgres import missing

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 350

TARGETS = ("setup", "demo", "test", "bench", "lint", "serve-demo")

ELSEWHERE = re.compile(
    r"file://"
    r"|(?<![\w.])/(?:opt|work|root|home|Users)/"
    r"|--(?:extra-)?index[-]url\b|--find[-]links\b|--trusted[-]host\b"
    r"|\b(?:files\.pythonhosted|test\.pypi|registry\.npmjs|deb\.debian|proxy\.golang)\.org\b"
    r"|\bpypi\.org/simple\b"
)


def tracked() -> list[Path]:
    """Return the files that git keeps, or none where this is no checkout."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607 - git of the PATH
    except (OSError, subprocess.CalledProcessError):
        missing("needs git and a checkout")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def texts() -> list[tuple[Path, str]]:
    """Return the kept files that are text, but for this one, which names what it forbids."""
    found = []
    for path in tracked():
        if path == Path(__file__).resolve():
            continue
        try:
            found.append((path.relative_to(ROOT), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def test_no_file_names_a_machine_or_a_registry() -> None:
    """What is kept works on any machine: it holds no path and no package host of one."""
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if ELSEWHERE.search(line) and "--no-emit-" not in line
    ]
    assert found == []


def test_no_python_file_is_long() -> None:
    """A file has one subject, and fits into a head."""
    long = {
        str(path): lines for path, text in texts() if path.suffix == ".py" and (lines := text.count("\n")) > LONGEST
    }
    assert long == {}


@pytest.mark.parametrize("target", TARGETS)
def test_make_has_the_public_targets(target: str) -> None:
    """Each target that the documentation names is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)


def names(lines: list[str]) -> set[str]:
    """Return the distributions that requirement lines name."""
    return {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith(("#", "-"))}


def test_the_lock_covers_what_the_program_needs() -> None:
    """The requirements of pyproject.toml, those of runtime.in and the locked ones are the same."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = names(
        project["dependencies"] + [line for extra in project["optional-dependencies"].values() for line in extra]
    )
    written = names((ROOT / "requirements" / "runtime.in").read_text().splitlines())
    pinned = re.compile(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==", re.MULTILINE)
    locked = {canonicalize_name(name) for name in pinned.findall((ROOT / "requirements" / "runtime.txt").read_text())}
    assert needed == written
    assert needed <= locked


@pytest.mark.parametrize("file", ["runtime.txt", "dev.txt"])
def test_every_locked_release_has_hashes(file: str) -> None:
    """A release that was changed after it was locked is refused by pip."""
    text = (ROOT / "requirements" / file).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if "==" in line and not line.lstrip().startswith("#")]
    assert lines
    assert [line.split()[0] for line in lines if "--hash=sha256:" not in line] == []
