"""A method that a route does not take is 405 with those it does, whatever the caller's key may do."""

import pytest

from apps.core.permissions import Scope
from apps.workspaces.access import SYSTEM
from apps.workspaces.actions import issue_key
from tests.factories import make_model


@pytest.mark.parametrize("scope", Scope.values)
@pytest.mark.parametrize("verb", ["predict", "explain", "invocations", "train", "rollback", "batch_predictions"])
def test_a_verb_that_is_opened_like_a_page_says_that_it_takes_posts(verb, scope, cast, api):
    _key, clear = issue_key(user=cast.viewer, workspace=None, name="x", scope=scope, actor=SYSTEM)

    answer = api().get(f"/api/v1/models/{make_model(cast.acme).pk}/{verb}/", headers={"Authorization": f"Bearer {clear}"})

    assert (answer.status_code, answer["Allow"]) == (405, "POST")
