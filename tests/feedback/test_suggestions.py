"""What to judge next: uncertain, diverse, the same each time, and never what was judged already."""

import numpy as np
import pytest

from apps.feedback.suggestions import _boundary, k_center
from apps.predictions.models import PredictionLog
from tests.factories import make_model


def asked(api, user, model, query=""):
    return api(user).get(f"/api/v1/models/{model.pk}/feedback/suggestions/{query}")


def test_it_suggests_what_the_model_is_unsure_of_and_says_how(cast, api, answered):
    model, answers = answered

    told = asked(api, cast.viewer, model, "?n=5").json()
    again = asked(api, cast.viewer, model, "?n=5").json()

    assert told == again
    assert (told["looked_at"], len(told["suggestions"])) == (30, 5)
    assert "k-center" in told["method"]
    chosen = [one["prediction"] for one in told["suggestions"]]
    assert len(set(chosen)) == 5
    assert set(chosen) <= set(answers)
    first = told["suggestions"][0]
    assert first["uncertainty"] == 1.0
    details = PredictionLog.objects.get().details
    margin = lambda one: -len(one["set"]) + np.diff(sorted(one["probabilities"].values())[-2:])[0]  # noqa: E731
    assert margin(first["details"]) == pytest.approx(min(map(margin, details)))
    assert first["predicted"] == answers[first["prediction"]]


def test_what_was_judged_or_erased_is_not_suggested(cast, api, answered):
    model, answers = answered
    judged = list(answers)[:10]
    for prediction in judged:
        api(cast.annotator).post(
            f"/api/v1/models/{model.pk}/feedback/", {"prediction": prediction, "correct": True}, format="json"
        )
    entry = PredictionLog.objects.get()
    entry.rows[20] = entry.predictions[20] = None
    entry.save()

    told = asked(api, cast.viewer, model, "?n=100").json()

    left = {one["prediction"] for one in told["suggestions"]}
    assert (told["looked_at"], len(left)) == (19, 19)
    assert not left & {*judged, list(answers)[20]}


@pytest.mark.parametrize("query", ["?n=0", "?n=101", "?n=many", "?m=3"])
def test_a_number_that_is_none_is_refused(query, cast, api, answered):
    assert asked(api, cast.viewer, answered[0], query).status_code == 422


def test_without_a_version_there_is_nothing_to_judge(cast, api):
    assert asked(api, cast.viewer, make_model(cast.acme)).status_code == 409


def test_the_heaviest_comes_first_and_then_the_farthest():
    points = np.array([[0.0], [0.1], [10.0], [10.1], [5.0]])

    assert k_center(points, np.array([1.0, 0.9, 0.9, 0.8, 0.9]), 3) == [0, 2, 4]
    assert k_center(points, np.array([1.0, 0.9, 0.001, 0.001, 0.9]), 2) == [0, 4]
    assert sorted(k_center(points, np.ones(5), 9)) == [0, 1, 2, 3, 4]
    assert k_center(np.zeros((0, 1)), np.zeros(0), 3) == []
    assert len(set(k_center(np.zeros((4, 2)), np.ones(4), 4))) == 4  # rows that are alike


def test_the_boundary_of_anomalies_lies_between_the_answers():
    scores = np.array([0.1, 0.4, 0.6, 0.9])

    assert _boundary(scores, np.array([False, False, True, True])) == pytest.approx(0.5)
    assert _boundary(-scores, np.array([False, False, True, True])) == pytest.approx(-0.5)
    assert _boundary(scores, np.zeros(4, dtype=bool)) == 0.9
    assert _boundary(scores, np.ones(4, dtype=bool)) == 0.1
