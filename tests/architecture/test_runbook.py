"""The runbook's table of settings names what the platform reads from its environment: all of it, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "docs" / "runbook.md"
SETTINGS = ROOT / "mlplatform" / "settings"
SOURCES = [path for folder in ("apps", "mlplatform") for path in sorted((ROOT / folder).rglob("*.py"))]
OF_THE_TESTS = SETTINGS / "test.py"  # nobody runs a platform with it
NOBODY_SETS = {"MLPLATFORM_SUPERVISED", "XDG_CACHE_HOME"}  # `manage.py up` sets one for its parts, the system the other
_ROW = re.compile(r"^\|(?P<names>[^|]*)\|(?P<default>[^|]*)\|(?P<meaning>.*)\|$", re.MULTILINE)
_NAME = re.compile(r"`([A-Z][A-Z0-9_]+)`")


def table() -> list[tuple[list[str], str, str]]:
    """Return names, default and meaning of each row of the runbook's table of settings."""
    chapter = RUNBOOK.read_text().split("## Settings from the environment")[1].split("\n## ")[0]
    rows = [(_NAME.findall(row["names"]), row["default"].strip(), row["meaning"].strip()) for row in _ROW.finditer(chapter)]
    return [row for row in rows if row[0]]


def names_read(source: str) -> set[str]:
    """Return the names that a module reads from the environment, whether written where they are read or as a constant."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = set()
    for key in _keys(tree):
        name = constants.get(key.id) if isinstance(key, ast.Name) else getattr(key, "value", None)
        assert isinstance(name, str), f"line {key.lineno}: a name that this test cannot see"
        found.add(name)
    return found


def _keys(tree: ast.AST) -> Iterator[ast.expr]:
    """Give what is asked of an environment: `env.int(KEY)`, `env(KEY)`, `environ.get(KEY)`, `environ[KEY]`, `KEY in environ`…"""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _asks(node.func):
            yield node.args[0]
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and _is_environment(node.value):
            yield node.slice
        elif isinstance(node, ast.Compare) and _is_environment(node.comparators[0]):
            yield node.left


def _asks(function: ast.expr) -> bool:
    of = function.value if isinstance(function, ast.Attribute) else function
    return _is_environment(of) or _is_reader(of) or ast.unparse(function) in {"os.getenv", "getenv"}


def _is_environment(node: ast.expr) -> bool:
    return ast.unparse(node).endswith(("environ", "ENVIRON"))


def _is_reader(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id.strip("_") == "env"


def read_in(paths: list[Path]) -> set[str]:
    return set().union(*(names_read(path.read_text()) for path in paths if path != OF_THE_TESTS))


@pytest.mark.parametrize(
    "line",
    [
        'env.int("NAME", default=1)', 'env("NAME")', '_env.str("NAME")', 'os.environ["NAME"]', 'os.environ.get("NAME", "x")',
        'os.getenv("NAME")', 'if "NAME" not in env.ENVIRON: pass', 'os.environ.setdefault("NAME", "x")', 'N = "NAME"\nos.environ.get(N)',
    ],
)  # fmt: skip
def test_each_way_to_read_a_name_is_seen(line):
    assert names_read(line) == {"NAME"}


def test_what_is_only_written_is_not_read():
    assert names_read('os.environ["NAME"] = "x"') == set()


def test_every_setting_of_the_environment_stands_in_the_runbook():
    read = read_in(sorted(SETTINGS.glob("*.py")))
    written = {name for names, _default, _meaning in table() for name in names}

    assert len(read) > 30
    assert read - written == set()


def test_what_other_modules_read_stands_there_too():
    written = {name for names, _default, _meaning in table() for name in names}

    assert read_in(SOURCES) - written == NOBODY_SETS


def test_the_runbook_names_no_setting_that_nobody_reads_and_none_twice():
    written = [name for names, _default, _meaning in table() for name in names]

    assert set(written) - read_in(SOURCES) == set()
    assert len(set(written)) == len(written)


def test_each_setting_has_its_default_and_its_meaning():
    assert [names for names, default, meaning in table() if not default or len(meaning) < 10] == []
