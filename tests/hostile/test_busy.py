"""A platform on SQLite with everybody at work at once."""

import pytest

from tests.hostile.busy import Busy, busy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]
SECONDS = 30.0


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Busy:
    return busy(tmp_path_factory.mktemp("busy") / "platform", SECONDS)


def test_nothing_is_locked_while_all_work_at_once(found: Busy):
    assert found.faults == []
    assert found.lines_about_locks() == []
    assert found.answers["POST 200"] > 20
    assert found.answers["GET 200"] > 20


def test_a_check_needs_little_memory_for_itself(found: Busy):
    assert found.answers["POST 201"] > 2
    assert found.answers["POST 422"] == 0
