"""`quickstart.py` on a project so small that it installs in a second: what it installs, when, and whom it calls."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.journeys.running import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
_RECORDS_CALLS = """
import os, sys
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "calls.txt"), "a") as calls:
    print(sys.prefix, *sys.argv[1:], file=calls)
"""


def make_wheel(folder: Path, name: str) -> None:
    """Write a package of one module, as small as they come."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "there = True\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "a project"
    (folder / "requirements").mkdir(parents=True)
    (folder / "quickstart.py").write_bytes((ROOT / "quickstart.py").read_bytes())
    (folder / "manage.py").write_text(_RECORDS_CALLS)
    (folder / "requirements" / "worker.lock").write_text("smallthing==1.0\n")
    (folder / "requirements" / "dev.lock").write_text("smallthing==1.0\npytest==1.0\n")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "smallthing")
    make_wheel(wheels, "otherthing")
    return folder


def quickstart(project: Path, *options: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run it without an index: uv cannot be had, so that plain pip has to serve."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "MLPLATFORM", "ML_", "DJANGO"))
    }
    links = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project.parent / "wheels"), "UV_OFFLINE": "1"}
    command = [sys._base_executable, str(project / "quickstart.py"), *options]
    return subprocess.run(
        command,
        cwd=cwd or project,
        env={**kept, **links},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def calls(project: Path) -> list[list[str]]:
    """Return the calls of manage.py, each without the environment it ran in."""
    lines = (project / "calls.txt").read_text().splitlines()
    assert all(line.startswith(str(project / ".venv")) for line in lines), lines
    return [line.removeprefix(str(project / ".venv")).split() for line in lines]


def has(project: Path, module: str) -> bool:
    found = subprocess.run(
        [project / ".venv" / "bin" / "python", "-c", f"import {module}"], capture_output=True, check=False
    )
    return found.returncode == 0


def test_it_installs_migrates_and_hands_over_from_any_folder(project: Path, tmp_path: Path):
    done = quickstart(project, cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert has(project, "smallthing")
    assert [call[0] for call in calls(project)] == ["migrate", "up"]
    assert list((project / ".venv").rglob("smallthing.*.pyc")), "nothing was compiled"


def test_asked_for_help_it_installs_nothing(project: Path):
    done = quickstart(project, "--help")

    assert done.returncode == 0, done.stderr
    assert "python3 quickstart.py test" in done.stdout
    assert not (project / ".venv").exists()


def test_options_go_on_to_up(project: Path):
    done = quickstart(project, "--no-demo", "--port", "9001")

    assert done.returncode == 0, done.stdout + done.stderr
    assert calls(project)[-1] == ["up", "--no-demo", "--port", "9001"]


def test_an_unchanged_lock_installs_nothing_and_a_changed_one_does(project: Path):
    assert quickstart(project).returncode == 0
    for wheel in (project.parent / "wheels").glob("smallthing*"):
        wheel.unlink()
    again = quickstart(project)
    assert again.returncode == 0, again.stdout + again.stderr

    (project / "requirements" / "worker.lock").write_text("otherthing==1.0\n")
    changed = quickstart(project)

    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert has(project, "otherthing")


def test_what_cannot_be_installed_is_said_and_not_taken_for_done(project: Path):
    (project / "requirements" / "worker.lock").write_text("nothing-such==1.0\n")

    first, second = quickstart(project), quickstart(project)

    assert first.returncode != 0
    assert second.returncode != 0
    assert "nothing-such" in first.stdout + first.stderr
    assert "Traceback" not in first.stdout + first.stderr
    assert not (project / "calls.txt").exists()


def test_a_half_made_environment_is_made_again(project: Path):
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").write_text("not a program")

    done = quickstart(project)

    assert done.returncode == 0, done.stdout + done.stderr
    assert has(project, "smallthing")


def test_tests_need_the_test_lock_and_their_exit_code_is_passed_on(project: Path):
    (project / "requirements" / "dev.lock").write_text("smallthing==1.0\notherthing==1.0\n")
    packages = project.parent / "wheels"
    with zipfile.ZipFile(packages / "pytest-1.0-py3-none-any.whl", "w") as wheel:
        info = "pytest-1.0.dist-info"
        wheel.writestr("pytest/__init__.py", "")
        wheel.writestr("pytest/__main__.py", "import sys\nprint('ASKED', *sys.argv[1:], flush=True)\nsys.exit(3)\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: pytest\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "pytest/__init__.py,,\npytest/__main__.py,,\n")
    (project / "requirements" / "dev.lock").write_text("smallthing==1.0\notherthing==1.0\npytest==1.0\n")

    done = quickstart(project, "test", "--fast", "tests/core")

    assert done.returncode == 3, done.stdout + done.stderr
    assert has(project, "otherthing")
    asked = next(line for line in done.stdout.splitlines() if line.startswith("ASKED"))
    assert "not slow" in asked
    assert "tests/core" in asked
    assert not (project / "calls.txt").exists()
