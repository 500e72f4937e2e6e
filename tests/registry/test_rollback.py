"""Where a rollback leads: back through history, not to and fro."""

from typing import Any

import pytest

from apps.core.errors import Conflict
from apps.registry import actions
from apps.registry.models import Alias
from apps.registry.selectors import champion_before, champion_of
from apps.workspaces.access import SYSTEM
from tests.registry.filing import file_version


@pytest.fixture
def walk(model, store):
    """Return a walker: a number promotes that version, "back" rolls back; it tells who is live in the end."""
    versions = {number: file_version(model, store) for number in (1, 2, 3)}

    def go(*steps: Any) -> int:
        for step in steps:
            if step == "back":
                actions.rollback_model(model=model, actor=SYSTEM)
            else:
                actions.promote_version(version=versions[step], actor=SYSTEM)
        return champion_of(model).number

    return go


@pytest.mark.parametrize(
    ("steps", "live", "next_back"),
    [
        ((), 1, None),
        ((2,), 2, 1),
        ((2, "back"), 1, None),  # not to version 2 again, which was just left
        ((2, 3, "back"), 2, 1),
        ((2, 3, "back", "back"), 1, None),
        ((2, "back", 3), 3, 1),  # over the version that was rolled back from
        ((2, "back", 2), 2, 1),  # promoted again, it counts again
        ((2, "back", 2, 3), 3, 2),
        ((2, 3, 1), 1, 3),  # a promotion of an old version is no rollback
        ((2, 3, 1, "back"), 3, 2),
    ],
)
def test_a_rollback_goes_back_in_history(walk, model, steps, live, next_back):
    assert walk(*steps) == live

    before = champion_before(model.pk)
    assert (before.number if before else None) == next_back
    if next_back is None:
        with pytest.raises(Conflict, match="no earlier champion"):
            walk("back")
    else:
        assert walk("back") == next_back


def test_the_span_that_was_left_is_marked(walk, model):
    walk(2, 3, "back")

    spans = Alias.objects.filter(model=model, name="champion").order_by("pk")
    assert list(spans.values_list("version__number", "rolled_back")) == [(1, False), (2, False), (3, True), (2, False)]


def test_a_rollback_that_fails_marks_nothing(walk, model, store):
    walk(2)
    for file in store.rglob("1-*/predictor/nodes.npy"):
        file.unlink()

    with pytest.raises(Conflict, match="cannot go live"):
        walk("back")

    assert not Alias.objects.filter(model=model, rolled_back=True).exists()
    assert champion_before(model.pk).number == 1
