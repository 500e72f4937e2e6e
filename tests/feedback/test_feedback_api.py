"""Verdicts on predictions, one and many: taken once a giver, and refused with what is wrong."""

from datetime import timedelta

import pytest
from django.db import transaction

from apps.core import clock
from apps.core.errors import NotFound
from apps.core.shares import wilson
from apps.feedback.actions import Verdict, read_verdicts, take_rows
from apps.feedback.models import Feedback
from apps.feedback.selectors import MOST_OF_A_GIVER, realised
from apps.predictions.erasing import take_out
from apps.predictions.recorder import recorder
from apps.workspaces.access import Actor
from apps.workspaces.models import AuditEntry
from apps.workspaces.subjects import pseudonym
from tests.factories import make_model

OTHER = {"low": "middle", "middle": "high", "high": "low"}


def give(api, user, model, **said):
    return api(user).post(f"/api/v1/models/{model.pk}/feedback/", said, format="json")


def summary(api, user, model, query=""):
    return api(user).get(f"/api/v1/models/{model.pk}/feedback/summary/{query}").json()


def test_a_verdict_is_kept_with_what_it_judges(cast, api, answered):
    model, answers = answered
    (prediction, predicted), *_ = answers.items()

    made = give(api, cast.annotator, model, prediction=prediction, correct=True, subject="clerk-17")

    assert made.status_code == 201, made.json()
    body = made.json()
    assert (body["prediction"], body["predicted"], body["correct"], body["label"]) == (prediction, predicted, True, None)
    assert (body["subject"], body["source"], body["version"]) == (pseudonym(model.workspace_id, "clerk-17"), "api", 1)
    assert "clerk-17" not in str(Feedback.objects.values().get())
    listed = api(cast.viewer).get(f"/api/v1/models/{model.pk}/feedback/").json()
    assert listed["results"] == [body]


def test_said_twice_by_one_giver_it_is_one_row_and_the_last_word_counts(cast, api, answered):
    model, answers = answered
    prediction, predicted = next(iter(answers.items()))

    first = give(api, cast.annotator, model, prediction=prediction, correct=True)
    again = give(api, cast.annotator, model, prediction=prediction, label=OTHER[predicted])
    by_another = give(api, cast.trainer, model, prediction=prediction, correct=True)

    assert [answer.status_code for answer in (first, again, by_another)] == [201, 200, 201]
    assert first.json()["id"] == again.json()["id"]
    assert (again.json()["correct"], again.json()["label"]) == (False, OTHER[predicted])
    assert Feedback.objects.count() == 2


def test_a_verdict_is_good_before_the_log_is_written(cast, api, trained):
    model, rows = trained
    body = api(cast.viewer).post(f"/api/v1/models/{model.pk}/predict/", {"data": rows[:1]}, format="json")

    made = give(api, cast.annotator, model, prediction=body.json()["prediction_ids"][0], correct=False)

    assert made.status_code == 201
    assert recorder.find(Feedback.objects.get().entry_id) is not None


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({}, "/correct"),
        ({"correct": True, "label": None, "subject": "ann@example.org"}, "/subject"),
        ({"correct": True, "subject": "two words"}, "/subject"),
        ({"label": 3}, "/label"),
        ({"label": True}, "/label"),
        ({"correct": "perhaps"}, "/correct"),
        ({"correct": True, "known_at": "2999-01-01T00:00:00Z"}, "/known_at"),
        ({"correct": True, "known_at": "2001-01-01T00:00:00Z"}, "/known_at"),
        ({"correct": True, "verdict": 1}, "/verdict"),
    ],
)
def test_what_says_nothing_or_too_much_is_refused_by_name(said, pointer, cast, api, answered):
    model, answers = answered

    refused = give(api, cast.annotator, model, prediction=next(iter(answers)), **said)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert not Feedback.objects.exists()


def test_a_label_that_contradicts_the_verdict_is_refused(cast, api, answered):
    model, answers = answered
    prediction, predicted = next(iter(answers.items()))

    refused = give(api, cast.annotator, model, prediction=prediction, correct=True, label=OTHER[predicted])

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "contradiction")


@pytest.mark.parametrize("prediction", ["0" * 32 + "-0", "nothing", "", "é-1", "0" * 32 + "-" + "9" * 27])
def test_an_unknown_prediction_is_not_found(prediction, cast, api, answered):
    model, _ = answered

    answer = give(api, cast.annotator, model, prediction=prediction, correct=True)

    assert answer.status_code == (404 if prediction else 422)
    assert not Feedback.objects.exists()


def test_a_row_that_was_not_asked_and_another_models_prediction_are_not_found(cast, api, answered):
    model, answers = answered
    entry = next(iter(answers)).partition("-")[0]
    other = make_model(cast.acme, name="Other")

    assert give(api, cast.annotator, model, prediction=f"{entry}-30", correct=True).status_code == 404
    assert give(api, cast.annotator, other, prediction=f"{entry}-0", correct=True).status_code == 404


def test_many_are_taken_in_one_go_and_counted(cast, api, answered):
    model, answers = answered
    verdicts = [{"prediction": one, "label": label} for one, label in answers.items()]
    verdicts[0]["label"] = OTHER[verdicts[0]["label"]]
    client, route = api(cast.annotator), f"/api/v1/models/{model.pk}/feedback/many/"

    first = client.post(route, {"verdicts": verdicts[:20]}, format="json").json()
    again = client.post(route, {"verdicts": verdicts}, format="json").json()

    assert (first, again) == ({"created": 20, "replaced": 0}, {"created": 10, "replaced": 20})
    assert Feedback.objects.filter(correct=False).count() == 1
    assert AuditEntry.objects.filter(verb="feedback.many").count() == 2


def test_of_many_all_are_refused_where_one_is_faulty_and_each_fault_has_its_place(cast, api, answered):
    model, answers = answered
    good = [{"prediction": one, "correct": True} for one in answers]
    bad = [*good[:2], {"prediction": "0" * 32 + "-0", "correct": True}, {**good[4], "label": 7}, good[0]]

    refused = api(cast.annotator).post(f"/api/v1/models/{model.pk}/feedback/many/", {"verdicts": bad}, format="json")

    assert refused.status_code == 422
    faults = {fault["pointer"]: fault["code"] for fault in refused.json()["errors"]}
    assert faults == {
        "/verdicts/2/prediction": "unknown_prediction",
        "/verdicts/3/label": "wrong_type",
        "/verdicts/4/prediction": "said_twice",
    }
    assert not Feedback.objects.exists()


def test_satisfaction_counts_each_giver_up_to_a_limit(cast, api, answered):
    model, answers = answered
    ids = list(answers)
    flood = [{"prediction": one, "correct": False, "subject": "angry"} for one in ids]
    others = [{"prediction": ids[0], "correct": True, "subject": f"calm-{i}"} for i in range(20)]
    route = f"/api/v1/models/{model.pk}/feedback/many/"
    api(cast.annotator).post(route, {"verdicts": [*flood, *others]}, format="json")

    told = summary(api, cast.viewer, model)

    assert (told["said"], told["givers"]) == (50, 21)
    assert (told["verdicts"], told["negatives"]) == (20 + MOST_OF_A_GIVER, MOST_OF_A_GIVER)
    assert told["satisfaction"] == pytest.approx(0.5)
    assert told["interval"] == pytest.approx(wilson(0.5, 40))


def test_what_was_right_is_told_by_version_and_by_when_it_became_known(cast, api, answered, monkeypatch):
    model, answers = answered
    labels, today = list(answers.items()), clock.now()
    monkeypatch.setattr(clock, "now", lambda: today + timedelta(days=3))
    early = today + timedelta(days=1)
    for prediction, predicted in labels[:8]:
        give(api, cast.annotator, model, prediction=prediction, label=predicted, known_at=early.isoformat())
    for prediction, predicted in labels[8:10]:
        give(api, cast.annotator, model, prediction=prediction, label=OTHER[predicted])

    (told,) = summary(api, cast.viewer, model)["realised"]
    (then,) = realised(model, since=today - timedelta(days=1), known_by=early)
    nothing = summary(api, cast.viewer, model, "?days=1")

    assert (told["version"], told["labels"], told["accuracy"]) == (1, 10, 0.8)
    assert told["interval"] == pytest.approx(wilson(0.8, 10))
    assert (then["labels"], then["accuracy"]) == (8, 1.0)  # the others were not known yet
    assert nothing["realised"] == []
    assert nothing["said"] == 10  # said today, of predictions made before


def test_the_latest_label_of_a_prediction_counts(cast, api, answered):
    model, answers = answered
    prediction, predicted = next(iter(answers.items()))

    give(api, cast.annotator, model, prediction=prediction, label=OTHER[predicted])
    give(api, cast.trainer, model, prediction=prediction, label=predicted)

    (told,) = summary(api, cast.viewer, model)["realised"]
    assert (told["labels"], told["accuracy"]) == (1, 1.0)


@pytest.mark.parametrize("days", ["0", "-1", "many", "3651", "9" * 40])
def test_days_that_are_none_are_refused(days, cast, api, answered):
    answer = api(cast.viewer).get(f"/api/v1/models/{answered[0].pk}/feedback/summary/?days={days}")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "days")


def test_filters_keep_what_they_say(cast, api, answered):
    model, answers = answered
    one, other, *_ = answers
    give(api, cast.annotator, model, prediction=one, correct=True, subject="a")
    give(api, cast.annotator, model, prediction=other, correct=False, subject="b")

    def kept(query):
        return [
            row["subject"] for row in api(cast.viewer).get(f"/api/v1/models/{model.pk}/feedback/?{query}").json()["results"]
        ]

    a, b = (pseudonym(model.workspace_id, name) for name in "ab")
    assert (kept("correct=false"), kept(f"subject={a}"), kept("source=file")) == ([b], [a], [])
    refused = api(cast.viewer).get(f"/api/v1/models/{model.pk}/feedback/?subject=a")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "subject")


@pytest.mark.parametrize(
    ("share", "of", "expected"), [(0.5, 100, (0.4038, 0.5962)), (1.0, 10, (0.7225, 1.0)), (0.0, 1, (0.0, 0.7935))]
)
def test_the_interval_of_a_share_is_wilsons(share, of, expected):
    assert wilson(share, of) == pytest.approx(expected, abs=1e-4)


def test_what_is_erased_while_a_verdict_is_read_is_not_judged(cast, answered):
    """Else a verdict in flight would outlive the erasure of what it is on."""
    model, answers = answered
    first, second = list(answers)[:2]
    verdicts = [Verdict(first, correct=True), Verdict(second, correct=True)]
    rows, problems = read_verdicts(model, verdicts, met={}, source="api", actor=Actor(cast.annotator.pk))
    with transaction.atomic():
        take_out(rows[1].entry_id, [rows[1].place])

    with pytest.raises(NotFound, match="was erased meanwhile"):
        take_rows(model, rows, source="api", actor=Actor(cast.annotator.pk))

    assert problems == []
    assert Feedback.objects.count() == 0
    assert take_rows(model, rows[:1], source="api", actor=Actor(cast.annotator.pk)).created == 1
    with transaction.atomic():
        take_out(rows[0].entry_id, range(len(answers)))  # the whole entry is gone
    with pytest.raises(NotFound):
        take_rows(model, rows[:1], source="api", actor=Actor(cast.annotator.pk))


def test_one_prediction_spelt_in_two_ways_is_said_twice(cast, api, answered):
    model, answers = answered
    first = next(iter(answers))
    same = f"{first.partition('-')[0].upper()}-00"
    body = {"verdicts": [{"prediction": one, "correct": True} for one in (first, same)]}

    refused = api(cast.annotator).post(f"/api/v1/models/{model.pk}/feedback/many/", body, format="json")

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "said_twice")
