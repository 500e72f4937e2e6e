"""What counts as an alert, and what is hidden: rules of a model, set over HTTP."""

from datetime import timedelta

import pytest

from apps.core import clock
from apps.detections import tasks
from apps.detections.detectors.choice import Candidate, next_places
from apps.detections.detectors.suppression import Condition
from apps.detections.models import Detection, DetectionRule, SuppressionRule
from apps.predictions.recorder import recorder
from apps.workspaces.models import AuditEntry
from tests.detections.conftest import ask, unusual, usual
from tests.factories import make_model
from tests.predictions.conftest import trained  # noqa: F401  (a fixture)


def rule_at(model):
    return f"/api/v1/models/{model.pk}/detection_rule/"


def rules_at(model):
    return f"/api/v1/models/{model.pk}/suppression_rules/"


def set_rule(api, user, model, **said):
    return api(user).put(rule_at(model), said, format="json")


def hide(api, user, model, **said):
    return api(user).post(rules_at(model), {"reason": "known", **said}, format="json")


def test_a_model_of_anomalies_alerts_unless_it_is_told_not_to(cast, api, watched):
    assert api(cast.viewer).get(rule_at(watched)).json() == {
        "model": str(watched.pk),
        "is_on": True,
        "labels": [],
        "least_score": None,
    }
    assert set_rule(api, cast.trainer, watched, is_on=False).status_code == 200
    ask(watched, unusual(2))
    tasks.collect()
    assert not Detection.objects.exists()

    set_rule(api, cast.trainer, watched, is_on=True)
    tasks.collect()
    assert not Detection.objects.exists()  # what was answered while it was off is none
    ask(watched, unusual(1))
    tasks.collect()

    assert Detection.objects.count() == 1
    assert AuditEntry.objects.filter(verb="detection_rule.set").count() == 2


def test_alerts_of_a_lower_score_are_none(cast, api, watched):
    ask(watched, [*unusual(1, amount=3.0), *unusual(1)])
    tasks.collect()
    low, high = Detection.objects.order_by("score").values_list("score", flat=True)
    Detection.objects.all().delete()
    set_rule(api, cast.trainer, watched, least_score=(low + high) / 2)

    ask(watched, [*unusual(1, amount=3.0), *unusual(1)])
    tasks.collect()

    assert {one.score for one in Detection.objects.all()} == {high}


def test_a_model_of_classes_alerts_on_the_labels_it_is_told(cast, api, trained):  # noqa: F811
    model, rows = trained
    client = api(cast.viewer)
    client.post(f"/api/v1/models/{model.pk}/predict/", {"data": rows}, format="json")
    recorder.flush()
    tasks.collect()
    assert not Detection.objects.exists()  # nobody has said what is an alert

    set_rule(api, cast.trainer, model, labels=["high"], least_score=0.5)
    answer = client.post(f"/api/v1/models/{model.pk}/predict/", {"data": rows}, format="json").json()
    recorder.flush()
    tasks.collect()

    chances = [detail["probabilities"]["high"] for detail in answer["details"]]
    expected = {
        pk: chance
        for pk, label, chance in zip(answer["prediction_ids"], answer["predictions"], chances, strict=True)
        if label == "high" and chance >= 0.5
    }
    assert 0 < len(expected) < len(rows)
    assert {one.prediction_id: one.score for one in Detection.objects.all()} == expected
    one = Detection.objects.first()
    assert (one.predicted, one.tail_probability, one.reason["output"]) == ("high", None, "probability of high")


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"labels": ["late"]}, "/labels/0"),
        ({"labels": [True]}, "/labels/0"),
        ({"labels": [["high"]]}, "/labels"),
        ({"labels": "high"}, "/labels"),
        ({"labels": []}, "/labels"),
        ({"labels": ["high"], "least_score": "much"}, "/least_score"),
        ({"labels": ["high"], "least_score": 2}, "/least_score"),
        ({"labels": ["high"], "least_score": -0.1}, "/least_score"),
        ({"labels": ["high"], "on": True}, "/on"),
    ],
)
def test_a_rule_of_classes_that_means_nothing_is_refused_by_name(said, pointer, cast, api, trained):  # noqa: F811
    refused = set_rule(api, cast.trainer, trained[0], **said)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith(pointer)
    assert not DetectionRule.objects.exists()


def test_scores_of_classes_are_probabilities_also_where_they_hide(cast, api, watched, trained):  # noqa: F811
    refused = [hide(api, cast.trainer, trained[0], **{field: 2}) for field in ("least_score", "most_score")]
    of_anomalies = set_rule(api, cast.trainer, watched, least_score=2)

    assert [one.json()["errors"][0]["pointer"] for one in refused] == ["/least_score", "/most_score"]
    assert "a number between 0 and 1" in refused[0].json()["detail"]
    assert of_anomalies.status_code == 200


def test_anomalies_have_no_labels_and_amounts_no_alerts(cast, api, watched):
    assert set_rule(api, cast.trainer, watched, labels=["x"]).status_code == 422
    assert set_rule(api, cast.trainer, make_model(cast.acme, task="regression")).status_code == 409


def test_what_a_rule_hides_is_recorded_and_not_listed(cast, api, watched):
    made = hide(api, cast.trainer, watched, conditions=[{"column": "town", "equals": "Nice"}], reason="The new shop.")
    assert made.status_code == 201, made.json()
    ask(watched, [*unusual(2), *unusual(3, town="Nice")])

    tasks.collect()

    def counted(query):
        return api(cast.viewer).get(f"/api/v1/detections/{query}").json()["count"]

    assert (counted(""), counted("?suppressed=true"), counted("?suppressed=any")) == (2, 3, 5)
    hidden = api(cast.viewer).get("/api/v1/detections/?suppressed=true").json()["results"][0]
    assert (hidden["suppressed_by"], hidden["is_suppressed"], hidden["row"]["town"]) == (made.json()["id"], True, "Nice")
    assert {one["row"]["town"] for one in api(cast.viewer).get("/api/v1/detections/next/").json()["results"]} == {"Lyon"}


def test_what_was_hidden_stays_hidden_when_its_rule_goes(cast, api, watched):
    rule = hide(api, cast.trainer, watched, conditions=[{"column": "town", "in": ["Nice", None]}]).json()
    ask(watched, unusual(1, town="Nice"))
    tasks.collect()

    assert api(cast.trainer).delete(f"{rules_at(watched)}{rule['id']}/").status_code == 204
    ask(watched, unusual(1, town="Nice"))
    tasks.collect()

    assert sorted(Detection.objects.values_list("is_suppressed", "suppressed_by")) == [(False, None), (True, None)]
    assert AuditEntry.objects.get(verb="suppression.delete").details["reason"] == "known"


def test_a_rule_ends_and_can_be_changed(cast, api, watched):
    soon = (clock.now() + timedelta(days=1)).isoformat()
    rule = hide(api, cast.trainer, watched, conditions=[{"column": "amount", "between": [9, None]}], until=soon).json()
    assert rule["until"] is not None
    SuppressionRule.objects.update(until=clock.now() - timedelta(seconds=1))
    ask(watched, unusual(1))
    tasks.collect()

    changed = api(cast.trainer).patch(f"{rules_at(watched)}{rule['id']}/", {"until": None}, format="json")
    ask(watched, unusual(1))
    tasks.collect()

    assert (changed.status_code, changed.json()["reason"], changed.json()["until"]) == (200, "known", None)
    assert list(Detection.objects.order_by("occurred_at").values_list("is_suppressed", flat=True)) == [False, True]
    assert api(cast.viewer).get(rules_at(watched)).json()["results"] == [changed.json()]


def test_a_score_alone_hides_too(cast, api, watched):
    hide(api, cast.trainer, watched, least_score=0.0, most_score=0.99)
    ask(watched, unusual(1))

    tasks.collect()

    assert Detection.objects.get().is_suppressed


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({}, "/conditions"),
        ({"conditions": [{"column": "nowhere", "equals": 1}]}, "/conditions/0"),
        ({"conditions": [{"column": "amount", "equals": "much"}]}, "/conditions/0"),
        ({"conditions": [{"column": "town", "equals": 3}]}, "/conditions/0"),
        ({"conditions": [{"column": "town", "equals": {"a": 1}}]}, "/conditions/0"),
        ({"conditions": [{"column": "town", "in": []}]}, "/conditions/0"),
        ({"conditions": [{"column": "town", "in": "Nice"}]}, "/conditions/0"),
        ({"conditions": [{"column": "town", "in": ["x"] * 101}]}, "/conditions/0"),
        ({"conditions": [{"column": "amount", "between": [3]}]}, "/conditions/0"),
        ({"conditions": [{"column": "amount", "between": [None, None]}]}, "/conditions/0"),
        ({"conditions": [{"column": "amount", "between": [3, 1]}]}, "/conditions/0"),
        ({"conditions": [{"column": "amount", "between": [True, 1]}]}, "/conditions/0"),
        ({"conditions": [{"column": "amount", "between": [[], 1]}]}, "/conditions/0"),
        ({"conditions": [{"column": "amount", "like": 1}]}, "/conditions/0"),
        ({"conditions": [{"column": "amount", "equals": 1, "in": [1]}]}, "/conditions/0"),
        ({"conditions": [{"column": ["amount"], "equals": 1}]}, "/conditions/0"),
        ({"conditions": ["amount"]}, "/conditions/0"),
        ({"conditions": {"column": "amount"}}, "/conditions"),
        ({"conditions": [{"column": "amount", "equals": 1}] * 21}, "/conditions"),
        ({"least_score": 0.9, "most_score": 0.1}, "/least_score"),
        ({"least_score": 0.1, "until": "2001-01-01T00:00:00Z"}, "/until"),
        ({"least_score": 0.1, "reason": ""}, "/reason"),
        ({"least_score": 0.1, "workspace": "x"}, "/workspace"),
    ],
)
def test_a_rule_that_would_hide_nothing_or_everything_is_refused_by_name(said, pointer, cast, api, watched):
    refused = hide(api, cast.trainer, watched, **said)

    assert refused.status_code == 422, refused.json()
    assert refused.json()["errors"][0]["pointer"].startswith(pointer)
    assert not SuppressionRule.objects.exists()


def test_a_change_is_checked_as_a_new_rule_is(cast, api, watched):
    rule = hide(api, cast.trainer, watched, least_score=0.1).json()

    refused = api(cast.trainer).patch(f"{rules_at(watched)}{rule['id']}/", {"least_score": None}, format="json")

    assert (refused.status_code, SuppressionRule.objects.get().least_score) == (422, 0.1)


def test_what_a_rule_held_before_does_not_stand_in_the_way_of_another_change(cast, api, trained):  # noqa: F811
    """A probability beyond 1, which was taken once."""
    model = trained[0]
    rule = hide(api, cast.trainer, model, most_score=0.5).json()
    SuppressionRule.objects.update(most_score=2.0)

    changed = api(cast.trainer).patch(f"{rules_at(model)}{rule['id']}/", {"reason": "known"}, format="json")

    assert (changed.status_code, changed.json()["reason"]) == (200, "known")


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ({"equals": 1}, 1.0, True),
        ({"equals": 1}, True, False),
        ({"equals": None}, None, True),
        ({"equals": "a"}, ["a"], False),
        ({"in": ["a", "b"]}, "b", True),
        ({"between": [1, 2]}, 2, True),
        ({"between": [1, 2]}, 2.1, False),
        ({"between": [None, 2]}, -9, True),
        ({"between": [1, 2]}, None, False),
        ({"between": [1, 2]}, "1", False),
        ({"between": [0, 2]}, True, False),
        ({"between": [0, 2]}, [1], False),
        ({"between": ["2026-01-01", "2026-02-01"]}, "2026-01-15", True),
    ],
)
def test_a_condition_holds_as_it_reads(condition, value, holds):
    assert Condition.from_json({"column": "c", **condition}).holds({"c": value}) is holds
    assert Condition.from_json({"column": "c", "equals": 1}).holds({}) is False


def test_the_choice_spreads_over_models_and_rows_of_any_kind():
    alike = [Candidate("a", 0.9, {"x": 1.0, "t": None, "odd": [1]}) for _ in range(5)]
    odd = Candidate("a", 0.95, {"x": 10**400, "t": "z", "odd": {}})
    other = Candidate("b", 0.7, {})

    places = next_places([*alike, odd, other], [Candidate("a", 0.9, {"x": 1.0, "t": None, "odd": [1]})], 3)

    assert places[0] == 6  # the only one of its model, and unlike what was reviewed
    assert 5 in places
    assert next_places([], [], 3) == []
    assert len(next_places(alike, alike, 9)) == 5


def test_usual_rows_are_no_detections(watched):
    ask(watched, usual(50))

    tasks.collect()

    assert not Detection.objects.exists()
