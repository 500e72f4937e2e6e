"""Runs the tests that reach a fault, in a copy of the tree: a suite that stays green has not looked there."""

import os
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from coverage import CoverageData

from tests.mutants.making import Mutant

ROOT = Path(__file__).resolve().parents[2]
CORE = (
    "apps/core/artifacts.py", "apps/core/instance.py", "apps/core/permissions.py",
    "apps/registry/actions.py", "apps/registry/files.py", "apps/registry/selectors.py",
    "apps/training/actions.py", "apps/training/lifecycle.py", "apps/training/supervision.py",
    "apps/training/engine/words.py", "apps/training/trial_lifecycle.py",
    "apps/workspaces/access.py", "apps/workspaces/actions.py", "apps/workspaces/api/authentication.py",
    "apps/workspaces/api/permissions.py", "apps/workspaces/api/viewsets.py",
)  # fmt: skip
_SUITE = ("tests/core", "tests/registry", "tests/training", "tests/workspaces", "tests/architecture/test_routes.py")
# Of pytest's plugins only those that are needed: half of a run is its start.
_PYTEST = (
    "-p",
    "pytest_django.plugin",
    "-p",
    "pytest_timeout",
    "-q",
    "--reuse-db",
    "-m",
    "not slow",
    "--tb=line",
    "--timeout=60",
)
_MEASURED = ("-p", "pytest_cov.plugin", "--cov", "--cov-config=/dev/null", "--cov-context=test", "--cov-report=")
_SECONDS = 300
_HANGS = -1


class Suite:
    """The fast tests of the core in a copy of the tree, with a database that is migrated once, and who reaches which line."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._tree, self._var = folder, folder / "tree", folder / "var"
        self._reached: dict[tuple[str, int], set[str]] = defaultdict(set)

    def prepare(self) -> None:
        """Copy the tree, run the whole suite without a fault, and note which test reaches which line."""
        _copy_tree(self._tree)
        self._var.mkdir()
        self._must_pass([*_MEASURED, *_SUITE])
        shutil.move(self._var / "test.sqlite3", self._folder)
        data = CoverageData(str(self._var / "coverage"))
        data.read()
        for path in CORE:
            for line, contexts in data.contexts_by_lineno(str(self._tree / path)).items():
                self._reached[path, line] |= {context.rpartition("|")[0] for context in contexts if context}
        self._must_pass(["--collect-only", self._named(set().union(*self._reached.values()))])

    def notices(self, mutant: Mutant) -> str | None:
        """Return the test that fails with this fault in the tree, or that it hangs; None when all pass."""
        file = self._tree / mutant.path
        source = file.read_text()
        self._renew()
        try:
            _write(file, mutant.in_source(source))
            code = self._pytest(["-x", self._named(self._tests_of(mutant))], seconds=_SECONDS)
        finally:
            _write(file, source)
        return None if code == 0 else self._first_failure()

    def check(self) -> None:
        """Run the whole suite once more without a fault: what was noticed was the faults, not something left behind."""
        self._renew()
        self._must_pass(_SUITE)

    def _renew(self) -> None:
        """Let no fault find what the one before left."""
        shutil.rmtree(self._var)
        self._var.mkdir()
        shutil.copy(self._folder / "test.sqlite3", self._var)

    def _must_pass(self, options: Iterable[str]) -> None:
        if code := self._pytest(options, seconds=3600):
            raise RuntimeError(f"pytest ended with {code} without any fault: mend that first.\n{self._log()[-5_000:]}")

    def _log(self) -> str:
        return (self._var / "pytest.log").read_text()

    def _first_failure(self) -> str:
        named = [line.split(" ", 1)[1] for line in self._log().splitlines() if line.startswith(("FAILED ", "ERROR "))]
        return named[0] if named else "it hangs"

    def _named(self, tests: Iterable[str]) -> str:
        """Write the names of tests to a file, for they may be too many for a command line."""
        file = self._var / "tests"
        file.write_text("\n".join(tests))
        return f"@{file}"

    def _tests_of(self, mutant: Mutant) -> list[str]:
        """Return the tests that reach the fault's lines, the app's own first; all of them for a line run at import."""
        first, last = mutant.lines
        reach = set().union(*(self._reached[mutant.path, line] for line in range(first, last + 1)))
        own = f"tests/{mutant.path.split('/')[1]}/"
        return sorted(reach, key=lambda test: (not test.startswith(own), test)) or list(_SUITE)

    def _pytest(self, options: Iterable[str], *, seconds: int) -> int:
        environment = {
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "MLPLATFORM_VAR": str(self._var),
            "ML_MODELS_DIR": str(self._var / "ml_models"),
            "DATASETS_DIR": str(self._var / "datasets"),
            "COVERAGE_FILE": str(self._var / "coverage"),
        }
        command = ["nice", "-n", "10", sys.executable, "-m", "pytest", *_PYTEST, *options]
        with (self._var / "pytest.log").open("wb") as log:
            run = subprocess.Popen(command, cwd=self._tree, env=environment, stdout=log, stderr=log, start_new_session=True)
            try:
                return run.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                return _HANGS
            finally:
                _end(run)


def _end(run: "subprocess.Popen[bytes]") -> None:
    """End a run with whatever it started."""
    with suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()


def _copy_tree(to: Path) -> None:
    """Copy what git knows or would add, as it lies in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in listed.stdout.decode().rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def _write(file: Path, source: str) -> None:
    """Write a module so that no older bytecode is taken for it: that is told apart by seconds and size only."""
    file.write_text(source)
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
        compiled.unlink()
