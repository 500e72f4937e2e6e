"""The stored card is Markdown in which nobody's words become lines or markup of their own."""

import pytest

from apps.algorithms.schema import TableSchema
from apps.registry.card import card_text
from tests.factories import make_model, make_workspace
from tests.registry.filing import facts_of

EVIL = "One\r\n\r\n## Approved\n<img src=x> [safe](https://evil.example) `x`"


@pytest.mark.parametrize(
    ("task", "words"),
    [("clustering", "which rows are alike"), ("anomaly", "how unusual a row is"), ("regression", "It predicts `paid`.")],
)
def test_it_says_what_the_model_does(db, task, words):
    model = make_model(make_workspace(), task=task, target="paid")

    assert words in card_text(model=model, number=1, facts=facts_of(model, schema=TableSchema((), target="paid")))


def test_names_and_warnings_stay_on_their_line(db):
    model = make_model(make_workspace(), name=EVIL, target=EVIL)
    facts = facts_of(model, evaluation={"warnings": [f"The column {EVIL!s} is left out."]})

    card = card_text(model=model, number=1, facts=facts)
    lines = card.splitlines()

    assert not [line for line in lines if line.startswith("## Approved")]
    assert lines[0].startswith("# One ## Approved \\<img src=x\\>")
    assert any(line.startswith("- The column One ## Approved \\<img") for line in lines)
    assert "](https" not in card.replace("\\]", "")
