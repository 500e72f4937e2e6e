"""Train, serve, drift, decide, retrain, judge, promote, degrade, roll back: the loop closes by itself."""

import pytest

from tests.journeys.loop import tell
from tests.journeys.story import assert_one_story
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_the_loop_closes_by_itself(visitor: Visitor):
    loop = tell(visitor)

    assert len(loop.told) == 10
    assert_one_story(visitor, loop.model)
