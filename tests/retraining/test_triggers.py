"""What starts a retraining: every combination of the three conditions, what is not known, what stands in the way."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.errors import InvalidInput
from apps.feedback.selectors import MOST_OF_A_GIVER
from apps.retraining.triggers import MOST_OF_A_SUBJECT, SETTINGS, Facts, Policy, decide

NOW = datetime(2026, 3, 14, 2, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GOOD = Facts(positives=60, negatives=40)  # each condition of the seed is met
WEEKLY = Policy(feedback=None, negatives=None, satisfaction=None, age_days=7)
PARIS = ZoneInfo("Europe/Paris")

MET = {
    # (positives, negatives, negatives asked for): feedback, negatives, satisfaction
    (60, 39, 40): (False, False, True),
    (60, 39, 39): (False, True, True),
    (79, 20, 20): (False, True, False),
    (90, 9, 20): (False, False, False),
    (69, 31, 32): (True, False, True),
    (69, 31, 31): (True, True, True),
    (70, 30, 30): (True, True, False),
    (81, 19, 20): (True, False, False),
}
COMBINATIONS = [(counts, met, how) for counts, met in MET.items() for how in ("all", "any", "force")]


def by_name(found):
    return {one.name: one for one in found}


@pytest.mark.parametrize(("counts", "met", "how"), COMBINATIONS)
def test_24_combinations_of_the_seeds_conditions(counts, met, how):
    positives, negatives, asked = counts
    policy = Policy(negatives=asked, mode="any" if how == "any" else "all")

    decision = decide(policy, Facts(positives=positives, negatives=negatives), now=NOW, force=how == "force")

    assert tuple(one.met for one in decision.conditions[:3]) == met
    assert decision.retrain is {"all": all(met), "any": any(met), "force": True}[how]
    assert (decision.why_not == ()) is decision.retrain
    assert len(decision.reasons) == sum(met) + (how == "force")


def test_there_are_24_and_each_way_ends_both_ways():
    assert len(COMBINATIONS) == 24
    assert {all(met) for met in MET.values()} == {any(met) for met in MET.values()} == {True, False}


@pytest.mark.parametrize(("positives", "negatives", "retrained"), [
    (69, 31, True), (70, 30, False), (49, 50, False), (50, 50, True), (80, 20, False), (13, 19, False),
])  # fmt: skip
def test_the_seeds_own_thresholds_are_at_least_100_at_least_20_and_below_70_percent(positives, negatives, retrained):
    assert decide(Policy(), Facts(positives=positives, negatives=negatives), now=NOW).retrain is retrained


def test_every_condition_says_its_value_its_threshold_and_a_sentence():
    decision = decide(Policy(), Facts(positives=50, negatives=13), now=NOW)

    assert [(one.name, one.value, one.threshold, one.unit, one.met) for one in decision.conditions[:3]] == [
        ("feedback", 63, 100, "verdicts", False),
        ("negatives", 13, 20, "verdicts", False),
        ("satisfaction", 50 / 63, 0.7, "share", False),
    ]
    assert decision.why_not == (
        "63 of 100 verdicts in 30 days: not yet.",
        "13 of 20 negative verdicts in 30 days: not yet.",
        "79.37% of 63 verdicts in 30 days are positive: not below 70%.",
    )
    assert {one.sentence for one in decision.conditions[3:]} == {"This condition is off."}


ALL_ON = Policy(drift=0.25, realised_fall=0.05, estimated_fall=0.04, age_days=30, new_rows=1_000)
ALL_MET = replace(
    GOOD, drift_share=0.25, realised_fall=0.05, realised_rows=30, estimated_fall=0.04, trained_at=NOW - 30 * DAY, new_rows=1_000
)  # fmt: skip


@pytest.mark.parametrize("wants", [True, False])
def test_the_backup_of_sundays_goes_past_the_conditions_where_the_policy_wants_it(wants):
    few = Facts(positives=3, negatives=0, learned_until=NOW - DAY, data_changed_at=NOW - HOUR)

    backup = decide(Policy(weekly=wants), few, now=NOW, is_weekly=True)
    daily = decide(Policy(weekly=wants), few, now=NOW)

    assert (backup.retrain, daily.retrain) == (wants, False)
    assert ("It is the backup of Sundays, whatever the conditions say." in backup.reasons) is wants


@pytest.mark.parametrize(("name", "changed"), [
    ("unchanged", {"data_changed_at": NOW - 2 * DAY}), ("running", {"is_running": True}),
    ("cooldown", {"retrainings": (NOW - HOUR,)}), ("archived", {"is_archived": True}),
])  # fmt: skip
def test_the_backup_of_sundays_heeds_every_guard(name, changed):
    known = replace(replace(GOOD, learned_until=NOW - DAY, data_changed_at=NOW - HOUR), **changed)

    decision = decide(Policy(), known, now=NOW, is_weekly=True)

    assert not decision.retrain
    assert by_name(decision.guards)[name].blocks
    assert not decide(Policy(is_enabled=False), GOOD, now=NOW, is_weekly=True).retrain


@pytest.mark.parametrize("mode", ["all", "any"])
def test_when_all_conditions_are_met_at_once_there_is_one_decision_with_every_reason(mode):
    decision = decide(replace(ALL_ON, mode=mode), ALL_MET, now=NOW)

    assert decision.retrain
    assert decision.reasons == (
        "100 of 100 verdicts in 30 days: enough.",
        "40 of 20 negative verdicts in 30 days: enough.",
        "60% of 100 verdicts in 30 days are positive: below 70%.",
        "25% of the model's importance drifts: at least 25%.",
        "Performance on 30 labelled rows fell by 5%: at least 5%.",
        "Estimated performance fell by 4%: at least 4%.",
        "It was trained 30 days ago: at least 30 days.",
        "1000 of 1000 rows that are new to the live version: enough.",
    )


JUST_SHORT = {
    "drift": {"drift_share": 0.249}, "realised_fall": {"realised_fall": 0.0499}, "estimated_fall": {"estimated_fall": 0.0399},
    "age_days": {"trained_at": NOW - 29.4 * DAY}, "new_rows": {"new_rows": 999},
}  # fmt: skip
UNKNOWN = {
    "drift": {"drift_share": None}, "realised_fall": {"realised_fall": None}, "estimated_fall": {"estimated_fall": None},
    "age_days": {"trained_at": None}, "new_rows": {"new_rows": None},
}  # fmt: skip


@pytest.mark.parametrize("name", JUST_SHORT)
def test_one_condition_short_of_its_threshold_holds_back_all(name):
    decision = decide(ALL_ON, replace(ALL_MET, **JUST_SHORT[name]), now=NOW)

    assert not decision.retrain
    assert by_name(decision.conditions)[name].met is False
    assert decision.why_not == (by_name(decision.conditions)[name].sentence,)
    assert decide(replace(ALL_ON, mode="any"), replace(ALL_MET, **JUST_SHORT[name]), now=NOW).retrain


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_is_not_met_and_says_what_is_missing(name):
    decision = decide(ALL_ON, replace(ALL_MET, **UNKNOWN[name]), now=NOW)

    one = by_name(decision.conditions)[name]
    assert (one.value, one.met, decision.retrain) == (None, None, False)
    assert decision.why_not == (one.sentence,)
    assert "known" in one.sentence or "not been estimated" in one.sentence or "No labels" in one.sentence


def test_what_is_no_number_is_not_known():
    odd = replace(ALL_MET, drift_share=float("nan"), realised_fall=float("nan"), estimated_fall=float("inf"))

    found = by_name(decide(ALL_ON, odd, now=NOW).conditions)

    assert [found[name].met for name in ("drift", "realised_fall", "estimated_fall")] == [None, None, None]
    json.dumps(decide(ALL_ON, odd, now=NOW).as_json(), allow_nan=False)


def test_without_verdicts_nothing_is_known_and_none_is_not_zero():
    nothing = decide(Policy(mode="any"), Facts(), now=NOW)
    zero = decide(Policy(mode="any"), Facts(positives=0, negatives=0), now=NOW)

    assert [one.met for one in nothing.conditions[:3]] == [None, None, None]
    assert set(nothing.why_not) == {"No verdicts are known."}
    assert [one.met for one in zero.conditions[:3]] == [False, False, None]
    assert "0 of 30 verdicts in 30 days that are needed to speak of satisfaction." in zero.why_not


def test_satisfaction_and_performance_need_a_least_number_of_verdicts():
    policy = Policy(feedback=None, negatives=None, realised_fall=0.05, mode="any")

    few = decide(policy, Facts(positives=0, negatives=29, realised_fall=0.5, realised_rows=29), now=NOW)
    enough = decide(policy, Facts(positives=0, negatives=30, realised_fall=0.5, realised_rows=30), now=NOW)

    assert (few.retrain, enough.retrain) == (False, True)
    assert "29 of 30 labelled rows that are needed to speak of performance." in few.why_not


@pytest.mark.parametrize(("alarm", "met"), [(True, True), (False, False), (None, None)])
def test_drift_of_0_asks_for_any_alarm(alarm, met):
    decision = decide(replace(WEEKLY, age_days=None, drift=0), Facts(drift_alarm=alarm, drift_share=0.9), now=NOW)

    assert by_name(decision.conditions)["drift"].met is met
    assert decision.retrain is bool(met)


def test_drift_of_one_window_is_chance_whatever_its_share():
    policy = replace(WEEKLY, age_days=None, drift=0.2)

    once, twice = (decide(policy, Facts(drift_alarm=alarm, drift_share=0.9), now=NOW) for alarm in (False, True))

    assert (once.retrain, twice.retrain) == (False, True)
    assert by_name(once.conditions)["drift"].sentence == (
        "90% of the model's importance drifts, and nothing in two checks in a row: it may be chance."
    )


def test_a_fall_of_0_asks_for_any_fall():
    policy = replace(WEEKLY, age_days=None, estimated_fall=0)

    assert [decide(policy, Facts(estimated_fall=fall), now=NOW).retrain for fall in (-0.1, 0.0, 0.001)] == [
        False,
        False,
        True,
    ]


def test_a_policy_without_conditions_never_retrains_by_itself():
    policy = replace(WEEKLY, age_days=None)

    for mode in ("all", "any"):
        decision = decide(replace(policy, mode=mode), ALL_MET, now=NOW)
        assert (decision.retrain, decision.why_not) == (False, ("No condition is on: it is retrained by hand alone.",))
    assert decide(policy, ALL_MET, now=NOW, force=True).retrain


# name of the guard, the facts or policy that make it block, whether force goes past it
GUARDS = [
    ("enabled", {}, {"is_enabled": False}, True),
    ("archived", {"is_archived": True}, {}, False),
    ("version", {"has_version": False}, {}, False),
    ("running", {"is_running": True}, {}, False),
    ("judging", {"is_judging": True}, {}, False),
    ("waiting", {"is_waiting": True}, {}, True),
    ("unchanged", {"learned_until": NOW - DAY, "data_changed_at": NOW - 2 * DAY}, {}, True),
    ("cooldown", {"retrainings": (NOW - 19 * HOUR,)}, {}, True),
    ("budget", {"retrainings": tuple(NOW - (day + 1) * DAY for day in range(10))}, {}, False),
]


def test_new_rows_and_nothing_new_agree_where_the_newest_training_is_not_live():
    learned = {"learned_until": NOW - DAY, "data_changed_at": NOW - 2 * DAY, "new_rows": 1_000, "is_learned_by_live": False}

    decision = decide(Policy(new_rows=1_000, mode="any"), replace(GOOD, **learned), now=NOW)

    assert by_name(decision.conditions)["new_rows"].sentence == "1000 of 1000 rows that are new to the live version: enough."
    assert by_name(decision.guards)["unchanged"].sentence.startswith(
        "Nothing has come since the newest training, whose version is not"
    )


@pytest.mark.parametrize(("name", "facts", "policy", "forced"), GUARDS, ids=[guard[0] for guard in GUARDS])
def test_a_guard_holds_back_what_the_conditions_ask_for(name, facts, policy, forced):
    facts, policy = replace(GOOD, **facts), Policy(**policy)

    decision, by_force = decide(policy, facts, now=NOW), decide(policy, facts, now=NOW, force=True)

    assert [one.name for one in decision.guards if one.blocks] == [name]
    assert (decision.retrain, by_force.retrain) == (False, forced)
    assert decision.why_not == (by_name(decision.guards)[name].sentence,)
    assert len(decision.reasons) == 3  # what speaks for it is told all the same


def test_guards_that_do_not_block_say_so():
    guards = decide(Policy(), replace(GOOD, retrainings=(NOW - 20 * HOUR,)), now=NOW).guards

    assert not any(one.blocks for one in guards)
    assert by_name(guards)["cooldown"].sentence == "The last retraining began at 2026-03-13 06:00 UTC: long enough ago."
    assert by_name(guards)["budget"].sentence == "1 of 10 retrainings in 30 days: not all are spent."
    assert decide(Policy(per_month=None), GOOD, now=NOW).guards[-1].sentence == "There is no limit to retrainings."


def test_the_budget_slides():
    began = tuple(NOW - (day + 21) * DAY for day in range(10))

    assert decide(Policy(), replace(GOOD, retrainings=began), now=NOW).retrain  # one of the ten began 30 days ago
    assert not decide(Policy(per_month=9), replace(GOOD, retrainings=began), now=NOW).retrain


def test_a_daily_check_a_second_early_is_not_put_off_by_cooldown_nor_a_weekly_one_by_age():
    early = NOW - timedelta(seconds=1)

    assert decide(Policy(), replace(GOOD, retrainings=(NOW - DAY,)), now=early).retrain
    assert decide(WEEKLY, Facts(trained_at=NOW - 7 * DAY + HOUR), now=early).retrain
    assert not decide(WEEKLY, Facts(trained_at=NOW - 6.4 * DAY), now=early).retrain


@pytest.mark.parametrize("change", [datetime(2026, 3, 29, 4, tzinfo=PARIS), datetime(2026, 10, 25, 4, tzinfo=PARIS)])
def test_hours_are_counted_over_a_change_of_the_clock(change):
    """20 hours before by the clock are 19 in spring and 21 in autumn."""
    began = change - timedelta(hours=20)  # by what the clock shows
    real = change.astimezone(UTC) - began.astimezone(UTC)

    decision = decide(Policy(), replace(GOOD, retrainings=(began,)), now=change)

    assert real in (19 * HOUR, 21 * HOUR)
    assert decision.retrain is (real >= 20 * HOUR)


def test_times_to_come_are_those_of_a_wrong_clock_and_hold_back_nothing():
    ahead = NOW + 400 * DAY

    assert decide(Policy(), replace(GOOD, retrainings=(ahead,) * 20), now=NOW).retrain
    decision = decide(WEEKLY, Facts(trained_at=ahead), now=NOW)
    assert decision.why_not == ("It is not known when it was trained.",)


def test_a_time_without_its_zone_is_a_mistake():
    with pytest.raises(ValueError, match="zone"):
        decide(Policy(), GOOD, now=NOW.replace(tzinfo=None))


@pytest.mark.parametrize(("days", "said"), [(1, "1 day ago: less than 30 days."), (2, "2 days ago: less than 30 days.")])
def test_a_day_is_one_day(days, said):
    decision = decide(Policy(age_days=30), replace(GOOD, trained_at=NOW - days * DAY), now=NOW)

    assert by_name(decision.conditions)["age_days"].sentence == f"It was trained {said}"


def test_one_subject_cannot_flood():
    crowd = {f"user {i}": (6, 4) for i in range(10)}
    flood = {"one": (0, 5_000)}

    assert decide(Policy(), Facts(subjects=crowd), now=NOW).retrain
    decision = decide(Policy(), Facts(subjects=flood), now=NOW)
    assert [one.value for one in decision.conditions[:2]] == [10, 10]
    assert not decision.retrain
    assert decision.notes == ("Of 5000 verdicts 10 count, no more than 10 of the one subject that gave them.",)
    assert not decide(Policy(mode="any", feedback=None), Facts(subjects=flood), now=NOW).retrain
    assert decide(Policy(most_per_subject=None), Facts(subjects=flood), now=NOW).retrain


def test_what_begins_a_training_counts_less_of_one_giver_than_what_is_shown():
    default = next(one.default for one in SETTINGS if one.name == "most_per_subject")

    assert default == Policy().most_per_subject == MOST_OF_A_SUBJECT
    assert MOST_OF_A_SUBJECT < MOST_OF_A_GIVER


def test_a_flood_does_not_hide_a_crowd_that_is_content():
    content = {f"user {i}": (9, 1) for i in range(20)}

    decision = decide(Policy(), Facts(subjects={**content, "one": (0, 5_000)}), now=NOW)

    assert not decision.retrain
    assert by_name(decision.conditions)["satisfaction"].value == pytest.approx(180 / 210)


def test_a_cap_keeps_the_shares_of_who_gave_more():
    decision = decide(Policy(most_per_subject=10), Facts(subjects={"a": (75, 25), "b": (3, 1)}), now=NOW)

    assert [one.value for one in decision.conditions[:2]] == [14, 4]  # 2.5 of 10 is rounded to 3, and 1


def test_it_is_said_where_nobody_knows_who_gave_the_verdicts():
    assert decide(Policy(), GOOD, now=NOW).notes == ("It is not known who gave the verdicts: all of them count.",)
    assert decide(Policy(most_per_subject=None), GOOD, now=NOW).notes == ()


numbers = st.none() | st.integers(0, 300)
shares = st.none() | st.floats(0, 1)
times = st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2026, 4, 1), timezones=st.sampled_from([UTC, PARIS]))  # noqa: DTZ001
facts_of_all_kinds = st.builds(
    Facts, positives=numbers, negatives=numbers, drift_alarm=st.none() | st.booleans(), drift_share=shares,
    subjects=st.none() | st.dictionaries(st.text(max_size=3), st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=20),
    realised_fall=shares, realised_rows=numbers, estimated_fall=shares, trained_at=times, data_changed_at=times,
    learned_until=times, is_judging=st.booleans(), is_waiting=st.booleans(), new_rows=numbers,
    retrainings=st.lists(times.filter(bool), max_size=12).map(tuple),
    has_version=st.booleans(), is_archived=st.booleans(), is_running=st.booleans(),
)  # fmt: skip
policies = st.builds(
    Policy, is_enabled=st.booleans(), mode=st.sampled_from(["all", "any"]), feedback=st.none() | st.integers(1, 200),
    negatives=st.none() | st.integers(1, 100), satisfaction=shares, drift=shares, realised_fall=shares, estimated_fall=shares,
    age_days=st.none() | st.integers(1, 60), new_rows=st.none() | st.integers(1, 200), cooldown_hours=st.floats(0, 100),
    most_per_subject=st.none() | st.integers(1, 20), per_month=st.none() | st.integers(1, 10),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(policies, facts_of_all_kinds, st.booleans())
def test_whatever_is_known_a_dry_run_decides_as_the_real_run_does(policy, facts, force):
    stored = Policy.from_json(json.loads(json.dumps(policy.as_json())))

    dry, real = (decide(one, facts, now=NOW, force=force) for one in (policy, stored))

    told = json.dumps(dry.as_json(), allow_nan=False)
    assert told == json.dumps(real.as_json(), allow_nan=False)
    assert dry.retrain is (dry.why_not == ())
    assert not dry.retrain or not (facts.is_running or facts.is_judging or facts.is_archived or not facts.has_version)
    assert not dry.retrain or force or (policy.is_enabled and dry.reasons)
    assert [one.name for one in dry.conditions] == [
        "feedback", "negatives", "satisfaction", "drift", "realised_fall", "estimated_fall", "age_days", "new_rows",
    ]  # fmt: skip
    if force:
        assert dry.retrain or not decide(policy, facts, now=NOW).retrain  # force never holds back


def test_defaults_are_those_of_the_settings():
    assert Policy().as_json() == {setting.name: setting.default for setting in SETTINGS} == asdict(Policy.from_json({}))


@pytest.mark.parametrize(("field", "value"), [
    ("mode", "or"), ("feedback", 0), ("feedback", 1.5), ("feedback", "100"), ("feedback", True), ("window_days", None),
    ("satisfaction", 70), ("satisfaction", float("nan")), ("drift", -0.1), ("cooldown_hours", float("inf")),
    ("cooldown_hours", -1), ("per_month", 0), ("is_enabled", "yes"), ("age_days", 0), ("unheard_of", 1),
])  # fmt: skip
def test_a_bad_field_is_named(field, value):
    with pytest.raises(InvalidInput) as raised:
        Policy.from_json({"feedback": 50, field: value})

    assert [problem.pointer for problem in raised.value.problems] == [f"/{field}"]


def test_every_bad_field_is_named_also_of_a_policy_made_in_code():
    with pytest.raises(InvalidInput) as raised:
        Policy(mode="or", feedback=0, drift=2.0)

    assert [problem.pointer for problem in raised.value.problems] == ["/mode", "/feedback", "/drift"]


def test_an_estimate_that_labels_contradict_neither_trains_nor_passes_for_calm():
    policy = replace(WEEKLY, age_days=None, estimated_fall=0.01)

    found = decide(policy, Facts(is_estimate_void=True), now=NOW)

    told = next(one for one in found.conditions if one.name == "estimated_fall")
    assert (found.retrain, told.value, told.met) == (False, None, None)
    assert "Labels contradict" in told.sentence
    assert told.sentence in found.why_not
