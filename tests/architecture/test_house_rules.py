"""Rules of the house that no other tool checks."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    p
    for folder in ("apps", "mlplatform", "benchmarks")
    for p in (ROOT / folder).rglob("*.py")
    if "migrations" not in p.parts
]
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
BANNED_NAMES = {"utils", "helpers", "common", "misc", "manager"}


def test_files_and_functions_stay_short():
    long_files = [str(p) for p in SOURCES if len(p.read_text().splitlines()) > LONGEST_FILE]
    long_functions = [
        f"{p}:{node.name}"
        for p in SOURCES
        for node in ast.walk(ast.parse(p.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]

    assert not long_files
    assert not long_functions


def test_no_file_is_named_for_nothing():
    assert not [p for p in SOURCES if p.stem in BANNED_NAMES]


def test_import_contracts_hold():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_the_committed_openapi_document_is_that_of_the_code(tmp_path):
    fresh = tmp_path / "openapi.json"
    call_command("spectacular", "--format", "openapi-json", "--validate", "--fail-on-warn", "--file", str(fresh))

    assert fresh.read_text() == (ROOT / "docs" / "openapi.json").read_text(), "run `make schema`"
