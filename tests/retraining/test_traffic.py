"""Champion and challenger on live requests: looks, intervals, and what ends a comparison."""

from datetime import timedelta

import numpy as np
import pytest

from apps.alerts.models import Alert
from apps.core import clock
from apps.feedback.selectors import outcome
from apps.predictions.actions import end_split, start_split
from apps.predictions.models import TrafficSplit
from apps.registry.actions import promote_version
from apps.registry.models import ModelVersion
from apps.retraining import tasks, telling
from apps.retraining.gate.fall import judge_fall
from apps.retraining.gate.traffic import unless_passed_on, weigh
from apps.retraining.selectors import so_far
from apps.workspaces.access import SYSTEM, Actor
from tests.forecasts.conftest import few_origins, stores  # noqa: F401  (fixtures)
from tests.retraining.test_judging import labels, live, model, rows, train  # noqa: F401  (fixtures)


def right(share, count, seed):
    return (np.random.default_rng(seed).random(count) < share).astype(float).tolist()


def weighed(one, other, **more):
    return weigh(one, other, **{"are_shares": True, "are_pairs": False, "days": 1.0, "max_days": 14, **more})


def test_few_labels_say_nothing_and_time_ends_it():
    early, late = (weighed(right(0.9, 49, 0), right(0.5, 400, 1), days=days) for days in (1.0, 14.0))

    assert (early.winner, early.is_over, early.labels) == (None, False, 49)
    assert (late.winner, late.is_over) == (None, True)
    assert "ends after 14 days" in late.sentence


def test_a_sure_difference_has_a_winner_and_an_interval():
    better, worse = weighed(right(0.9, 400, 0), right(0.7, 400, 1)), weighed(right(0.7, 400, 1), right(0.9, 400, 0))

    assert (better.winner, worse.winner) == ("challenger", "champion")
    assert better.low < better.difference < better.high
    assert better.difference == pytest.approx(-worse.difference)
    assert better.sentence.startswith("On 400 labels each the challenger is ahead by ")
    assert worse.sentence == better.sentence.replace("challenger", "champion")


@pytest.mark.parametrize(("passed_on", "wins"), [(0, True), (4, True), (5, False), (300, False)])
def test_a_challenger_that_leaves_requests_to_the_champion_does_not_win(passed_on, wins):
    standing = weighed(right(0.9, 400, 0), right(0.7, 400, 1))

    early, late = (unless_passed_on(standing, passed_on, 400, is_late=late) for late in (False, True))

    assert (early.winner == "challenger", early.is_over, late.is_over) == (wins, wins, True)
    assert wins or f"left {passed_on} of its {400 + passed_on} requests" in early.sentence


def test_errors_without_measure_end_nothing_and_fail_nothing():
    huge = outcome(0.0, 1e308, is_right_or_wrong=False)

    found = weighed([huge, *[1.0] * 99], [2.0] * 100, are_shares=False)

    assert found.winner is None
    assert np.isfinite([found.low, found.high]).all()
    assert not judge_fall([huge, *[1.0] * 99], [2.0] * 100, are_shares=False).roll_back


def test_errors_count_the_other_way_round():
    chance = np.random.default_rng(0)

    found = weighed(chance.exponential(1.0, 400).tolist(), chance.exponential(2.0, 400).tolist(), are_shares=False)

    assert found.winner == "challenger"


def test_pairs_are_surer_than_arms():
    chance = np.random.default_rng(0)
    hard = chance.exponential(1.0, 200)
    one, other = (hard + chance.normal(0, 0.05, 200)).tolist(), (hard + 0.05 + chance.normal(0, 0.05, 200)).tolist()

    assert weighed(one, other, are_shares=False, are_pairs=True).winner == "challenger"
    assert weighed(one, other, are_shares=False).winner is None


def test_equal_arms_rarely_end_however_often_one_looks():
    """Looked at after every label, at most one comparison of equal arms in twenty may end (300 of them, and their spread)."""
    wrong = 0
    for seed in range(300):
        one, other = right(0.8, 800, [seed, 0]), right(0.8, 800, [seed, 1])
        wrong += any(weighed(one[:seen], other[:seen]).winner for seen in (50, 100, 200, 400, 800))

    assert wrong <= 26  # 5 % of 300, and three standard deviations


def test_a_better_challenger_in_the_shadow_is_told_or_promoted(model):  # noqa: F811
    """The champion's answers are judged by the truth; the challenger's to the same rows would have been right more often."""
    from apps.feedback.actions import Verdict, give_many
    from apps.predictions import actions as predictions
    from tests.retraining.test_judging import truth

    split = start_split(model=model, actor=SYSTEM, mode="shadow", on_win="promote")
    asked = rows(200, seed=8)
    done = predictions.predict(model_id=model.pk, rows=asked, actor=SYSTEM)
    predictions.recorder.flush()
    tasks.weigh_traffic()
    early = TrafficSplit.objects.get()
    said = [Verdict(one, label=truth(row)) for one, row in zip(done.prediction_ids, asked, strict=True)]
    give_many(model=model, verdicts=said, source="api", actor=SYSTEM)

    tasks.weigh_traffic()

    split.refresh_from_db()
    assert (early.ended_at, early.standing["winner"], early.standing["labels"]) == (None, None, 0)
    assert split.ended_at is not None
    assert split.standing["winner"] == "challenger"
    assert live(model) == 2


def test_a_challenger_that_won_and_is_to_be_promoted_by_hand_is_good_news(model):  # noqa: F811
    split = start_split(model=model, actor=SYSTEM, mode="shadow", on_win="tell")

    telling.tell_of_traffic(split, "It is ahead.", has_won=True, is_live=False)

    told = Alert.objects.get(key=f"traffic:{split.pk}")
    assert (told.kind, told.severity) == ("gate_promoted", "warning")
    assert told.title == f"Version 2 of {model.name} won on live requests: promote it by hand."


def test_what_is_said_to_be_judged_is_what_is_weighed(model, cast):  # noqa: F811
    """One person's verdicts count up to a limit, and the shadow weighs labels alone."""
    from apps.feedback.actions import Verdict, give_many
    from apps.predictions import actions as predictions

    ids = predictions.predict(model_id=model.pk, rows=rows(40, seed=8), actor=SYSTEM).prediction_ids
    predictions.recorder.flush()
    said = [Verdict(one, correct=True) for one in ids[:30]] + [Verdict(one, label="yes") for one in ids[30:]]
    began = clock.now() - timedelta(hours=1)
    found = {}
    for mode in ("ab", "shadow"):
        split = start_split(model=model, actor=SYSTEM, mode=mode)
        TrafficSplit.objects.filter(pk=split.pk).update(began_at=began)
        split.refresh_from_db()
        if mode == "ab":
            give_many(model=model, verdicts=said, source="api", actor=Actor(cast.annotator.pk))
        found[mode] = so_far(split).champion.labels
        end_split(split=split, actor=SYSTEM)

    assert found == {"ab": 20 + 10, "shadow": 10}


def test_without_labels_it_goes_on_and_another_champion_ends_it(model):  # noqa: F811
    split = start_split(model=model, actor=SYSTEM, mode="ab", share=0.5)
    tasks.weigh_traffic()
    split.refresh_from_db()
    standing = split.standing
    promote_version(version=ModelVersion.objects.get(model=model, number=2), actor=SYSTEM)

    tasks.weigh_traffic()

    split.refresh_from_db()
    assert (standing["labels"], standing["is_over"]) == (0, False)
    assert "no longer the champion" in split.standing["sentence"]
    assert TrafficSplit.objects.filter(ended_at=None).count() == 0
    assert split.ended_at <= clock.now()
