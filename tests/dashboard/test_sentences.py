"""What the platform says in English is said in French on French pages, values and all."""

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from django.utils import translation

from apps.algorithms.results import Explanation, Quantity
from apps.dashboard.sentences import SENTENCES
from apps.dashboard.words import QUANTITIES, adds_up_to, translated

APPS = Path(__file__).resolve().parents[2] / "apps"
_OF_OPERATORS = ("/metrics.py", "core/figures.py", "core/shared_counts.py")
# Doors for machines and operators, and files that are kept as they were written.
_NOT_ON_PAGES = (
    "api/",
    "management/",
    "migrations/",
    "admin.py",
    "registry/card.py",
    "dashboard/",
    "tracking/",
    *_OF_OPERATORS,
)
_NOT_SAID = {"logger", "ValueError", "RuntimeError", "TypeError", "AssertionError", "RuntimeWarning", "gettext_noop", "_"}
_FOR_OTHERS = {"help_text", "reference", "extend_schema", "description", "verbose_name"}
_PHRASES = (
    "algorithms/engine/encoding.py",
    "algorithms/predictors/encoder.py",
)  # what is said here has no full stop: it ends another sentence
_NO_WORDS = re.compile(r"^(share of|target mean by| for class)\b|\(\d{4}\)\. |^Send \{")  # features, references, JSON


def said_in(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of what a module says, each value in it as `⟦0⟧`, `⟦1⟧`…"""
    tree = ast.parse(path.read_text())
    unsaid = set(_unsaid(tree))
    for node in ast.walk(tree):
        if id(node) in unsaid:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            places = iter(range(len(node.values)))
            for parts in product(*(_alternatives(part, places) for part in node.values)):
                yield node.lineno, "".join(parts)


def _alternatives(part: ast.expr, places: Iterator[int]) -> list[str]:
    """Return what may stand there: the text itself, both texts of a choice between two, or a place."""
    if isinstance(part, ast.Constant):
        return [str(part.value)]
    value = part.value if isinstance(part, ast.FormattedValue) else part
    if isinstance(value, ast.IfExp) and isinstance(value.body, ast.Constant) and isinstance(value.orelse, ast.Constant):
        return [str(value.body.value), str(value.orelse.value)]
    return [f"⟦{next(places)}⟧"]


def _unsaid(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        hidden: list[ast.AST] = []
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            hidden = [node.body[0]]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[0] in _NOT_SAID:
            hidden = [node]
        elif isinstance(node, ast.keyword) and node.arg in _FOR_OTHERS:
            hidden = [node.value]
        elif isinstance(node, ast.JoinedStr):
            hidden = [part for part in node.values if isinstance(part, ast.Constant)]
        yield from (id(inner) for outer in hidden for inner in ast.walk(outer))


def sentences() -> Iterator[tuple[str, str]]:
    for path in sorted(APPS.glob("**/*.py")):
        place = path.relative_to(APPS).as_posix()
        if any(part in place for part in _NOT_ON_PAGES):
            continue
        for line, text in said_in(path):
            is_sentence = re.match(r"[A-Z⟦“]", text) and re.search(r"[a-z]{2,} .*[.!?]\s*$", text, re.DOTALL)
            is_phrase = place in _PHRASES and re.search(r"\w \w", text)
            if (is_sentence or is_phrase) and not _NO_WORDS.search(text):
                yield text.strip(), f"{place}:{line}"


SAID = dict(sentences())


def test_the_code_was_walked():
    assert len(SAID) > 120
    assert any("died" in text for text in SAID)


@pytest.mark.parametrize("text", sorted(SAID))
def test_every_sentence_of_the_code_has_its_french(text):
    with translation.override("fr"):
        french = translated(text)

    assert french != text, f"{SAID[text]}: add it to apps/dashboard/sentences.py and to the French texts"
    assert sorted(re.findall("⟦.⟧", french)) == sorted(re.findall("⟦.⟧", text)), french


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("There is no column 'a%b'. Did you mean 'ab'?", "a pas de colonne 'a%b'. Vouliez-vous dire 'ab'\u00a0?"),
        ("The data set is refused; it can be trained on once it is ready.", "«\u00a0refusé\u00a0»"),
        ("Give a number between 0.001 and 1.", "entre 0,001 et 1"),
        (
            "Row 3: 'days' takes a number or null, not 'Read'. (and 2 more)",
            "Ligne 3\u00a0: 'days' attend un nombre ou rien, pas 'Read'. (et 2 autres)",
        ),
        ("The worker that ran this training died. It was tried 3 times.", "Le worker qui menait cet entraînement est mort."),
        ("probability of Read", "probabilité de Read"),
        ("%(reason)s", "%(reason)s"),
        ("", ""),
        ("Something nobody wrote down, of 100 %.", "Something nobody wrote down, of 100 %."),
    ],
)
def test_a_sentence_is_said_in_french_with_its_values(english, french):
    with translation.override("fr"):
        assert french in translated(english)
    with translation.override("en"):
        assert translated(english) == english


@pytest.mark.parametrize(
    ("quantity", "of", "words"),
    [
        (Quantity.VALUE, "Rows", "Rows"),  # a target's name, though pages have a word for rows
        (Quantity.VALUE, "100 %", "100 %"),
        (Quantity.PROBABILITY, "Read", "probabilité de Read"),
        (Quantity.LOG_ODDS, "<=50K", "log-cote de <=50K"),
        (Quantity.SCORE, True, "score de True"),
        (Quantity.MINUS_PATH_LENGTH, "", "l\u2019opposé de la longueur moyenne du chemin"),
    ],
)
def test_what_reasons_add_up_to_is_said_in_french_but_for_the_data_in_it(quantity, of, words):
    with translation.override("fr"):
        said = adds_up_to(Explanation(base=0.0, contributions={}, quantity=quantity, of=of, method=""))

    assert said.startswith(words)


def test_every_quantity_has_its_words():
    assert set(QUANTITIES) == set(Quantity)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("text", ["The column " + "is left out: " * 300, "x: " * 1_300, "The column " * 50_000])
def test_a_sentence_as_long_as_a_page_takes_no_time(text):
    with translation.override("fr"):
        assert translated(text) == text.strip()


def test_no_template_is_written_twice():
    assert len(set(SENTENCES)) == len(SENTENCES)
