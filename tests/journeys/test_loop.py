"""Train, serve, drift, decide, retrain, judge, promote, degrade, roll back: the loop closes by itself."""

import pytest

from tests.journeys.loop import tell, tell_of_users
from tests.journeys.story import assert_one_story
from tests.journeys.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_the_loop_closes_by_itself(visitor: Visitor):
    loop = tell(visitor)

    assert len(loop.told) == 10
    assert_one_story(visitor, loop.model)


def test_it_closes_on_what_users_say_alone(visitor: Visitor):
    loop = tell_of_users(visitor)

    assert len(loop.told) == 6
    assert_one_story(visitor, loop.model)
