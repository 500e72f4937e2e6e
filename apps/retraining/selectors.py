"""What is known of a model when it is decided whether to retrain it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q

from apps.algorithms.results import Predictor
from apps.algorithms.schema import TableSchema, Task
from apps.core import clock
from apps.core.errors import InvalidInput
from apps.core.leases import OPEN
from apps.datasets.models import DatasetVersion
from apps.datasets.selectors import latest_ready_version
from apps.feedback.learning import count_to_learn
from apps.feedback.models import Feedback
from apps.feedback.selectors import count_labelled, is_right_or_wrong, judged_answers, outcome, outcomes, realised
from apps.monitoring.models import DriftReport
from apps.monitoring.selectors import last_judged
from apps.predictions.cache import predictors
from apps.predictions.models import TrafficSplit
from apps.predictions.selectors import count_answered
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.registry.selectors import champion_before, champion_of, open_span
from apps.retraining.gate.fall import Fall, judge_fall
from apps.retraining.gate.margins import Margins
from apps.retraining.gate.so_far import SoFar
from apps.retraining.gate.traffic import Standing, unless_passed_on, weigh
from apps.retraining.models import GateReport, RetrainingDecision, RetrainingPolicy
from apps.retraining.triggers import MONTH, Facts, Policy
from apps.training.labelled import can_learn_from_labels, learned_labels_until
from apps.training.models import TrainingCampaign

_MOST_ANSWERED_AGAIN, _ANSWERED_AT_ONCE = 10_000, 1_000
_COMPARED = {Task.CLASSIFICATION: "accuracy", Task.ANOMALY: None, Task.REGRESSION: "mae", Task.FORECAST: "mae"}


def policy_of(model: RegisteredModel) -> Policy | None:
    """Return a model's policy, None where it has none and is not to retrain by itself.

    Whether it is on stands in the model's `auto_retrain` alone. Without a policy of its own such a model has the default one, or
    `retrain_every_days` as its one condition where that is set.
    """
    stored = RetrainingPolicy.objects.filter(model=model).first()
    if stored is None and not model.auto_retrain:
        return None
    policy = Policy.from_json(stored.policy) if stored else _default_policy(model)
    return replace(policy, is_enabled=model.auto_retrain)


def _default_policy(model: RegisteredModel) -> Policy:
    if model.retrain_every_days is None:
        return Policy()
    return Policy(feedback=None, negatives=None, satisfaction=None, age_days=model.retrain_every_days)


def margins_of(model: RegisteredModel) -> Margins:
    """Return what the gate asks of a challenger of this model."""
    stored = RetrainingPolicy.objects.filter(model=model).first()
    return Margins.from_json(stored.margins if stored else {})


def policy_as_json(model: RegisteredModel) -> dict[str, Any] | None:
    """Return every setting of a model's policy, those of the gate under `gate`; None where it has none."""
    policy = policy_of(model)
    return {**policy.as_json(), "gate": margins_of(model).as_json()} if policy else None


def open_judgement(model: RegisteredModel) -> GateReport | None:
    """Return the judgement of a model that waits or runs."""
    return GateReport.objects.filter(model=model, status__in=OPEN).first()


def versions_at_the_gate(model_id: UUID) -> list[UUID]:
    """Return the versions of a model that are judged, or that passed and wait for approval."""
    there = Q(status__in=OPEN) | Q(outcome=GateReport.Outcome.WAITING)
    found = GateReport.objects.filter(there, model_id=model_id).values_list("champion_id", "challenger_id")
    return [version for pair in found for version in pair]


def retrainings_to_judge() -> list[RetrainingDecision]:
    """Return the decisions whose training made what is the challenger now, and which the gate was not asked about."""
    done = RetrainingDecision.objects.filter(campaign__version__isnull=False, gate_report__isnull=True)
    now = Q(campaign__version__aliases__name=Alias.Name.CHALLENGER, campaign__version__aliases__until__isnull=True)
    return list(done.filter(now, model__archived_at__isnull=True).select_related("model", "campaign__version"))


def overtaken_while_waiting() -> list[GateReport]:
    """Return the judgements that wait for approval over a version that is live no longer."""
    live = Alias.objects.filter(name=Alias.Name.CHAMPION, until__isnull=True).values("version_id")
    waiting = GateReport.objects.filter(outcome=GateReport.Outcome.WAITING).exclude(champion_id__in=live)
    return list(waiting.select_related("model"))


def promotions_that_stand() -> list[GateReport]:
    """Return the promotions by the gate that still stand; who goes back and promotes again by hand, does so knowingly."""
    left = Alias.objects.filter(name=Alias.Name.CHAMPION, rolled_back=True).values("version_id")
    live = Q(challenger__aliases__name=Alias.Name.CHAMPION, challenger__aliases__until__isnull=True)
    stand = GateReport.objects.filter(live, outcome=GateReport.Outcome.PROMOTED, model__archived_at__isnull=True)
    stand = stand.exclude(challenger_id__in=left)
    return list(stand.select_related("model", "champion__model", "challenger__model").order_by("created_at"))


def is_watched(report: GateReport) -> bool:
    """Say whether a promotion is as young as the model's policy has it watched, and there is a version to go back to."""
    policy, span = policy_of(report.model), open_span(report.model_id, Alias.Name.CHAMPION)
    if policy is None or policy.watch_days is None or span is None or champion_before(report.model_id) is None:
        return False
    return clock.now() - span.since <= timedelta(days=policy.watch_days)


def fall_of(report: GateReport) -> Fall:
    """Compare what the promoted version got right since it is live with what the one before it did in the 30 days before."""
    span = open_span(report.model_id, Alias.Name.CHAMPION)
    before = champion_before(report.model_id)
    assert span is not None
    assert before is not None
    return judge_fall(
        outcomes(report.challenger, since=span.since),
        outcomes(before, since=span.since - MONTH, until=span.since),
        are_shares=is_right_or_wrong(report.model),
    )


def version_to_retrain_on(champion: ModelVersion) -> DatasetVersion:
    """Return the newest ready version of the data set that the live version learned from."""
    return latest_ready_version(champion.dataset_version.dataset) or champion.dataset_version


def facts_of(model: RegisteredModel, policy: Policy) -> Facts:
    """Gather what the conditions ask for; reads only."""
    champion, now = champion_of(model), clock.now()
    running = TrainingCampaign.objects.filter(model=model, status__in=("pending", "training")).exists()
    state: dict[str, Any] = {"is_archived": model.archived_at is not None, "is_running": running}
    if champion is None:
        return Facts(has_version=False, **state)
    since = now - timedelta(days=policy.window_days)
    newest = version_to_retrain_on(champion)
    waiting = GateReport.objects.filter(model=model, champion=champion, outcome=GateReport.Outcome.WAITING)
    return Facts(
        **_verdicts(champion, since),
        **_checked(champion, since),
        **_fall(model, champion, since, now),
        trained_at=champion.created_at,
        new_rows=_new_rows(model, champion, newest),
        **_learned(model, champion, newest),
        is_judging=open_judgement(model) is not None,
        is_waiting=waiting.exists(),
        retrainings=_retrainings(model, now),
        **state,
    )


def _learned(model: RegisteredModel, champion: ModelVersion, newest: DatasetVersion) -> dict[str, Any]:
    """Return when something last came, and up to when the champion's training or the last retraining read what there was.

    A training reads the rows of its data set and the verdicts of when it was asked for: what comes while it runs is new to it. A
    retraining counts whatever the gate said of it, else the same rows would be learned from again each night.
    """
    ended = RetrainingDecision.objects.filter(model=model, campaign__status=TrainingCampaign.Status.COMPLETED)
    last = ended.order_by("-at").select_related("campaign").first()
    of_champion = TrainingCampaign.objects.filter(version=champion).first()
    trainings = [one for one in (of_champion, last and last.campaign) if one is not None]
    read_at = max((one.feedback_until or one.created_at for one in trainings), default=champion.created_at)
    read = {champion.dataset_version_id, *(one.dataset_version_id for one in trainings)}
    said = Feedback.objects.filter(model=model).aggregate(at=Max("given_at"))["at"]
    came = newest.created_at if newest.pk in read else clock.now()  # it may have been made before, and become ready since
    if _labels_wait(model, trainings):
        came = clock.now()
    of_live = of_champion is None or read_at <= (of_champion.feedback_until or of_champion.created_at)
    return {"learned_until": read_at, "data_changed_at": max(filter(None, (said, came))), "is_learned_by_live": of_live}


def _labels_wait(model: RegisteredModel, trainings: list[TrainingCampaign]) -> bool:
    """Say whether there are labels that no training has read: one by hand may leave out those that came before it."""
    until = max((one.feedback_until for one in trainings if one.feedback_until is not None), default=None)
    return can_learn_from_labels(model) and count_to_learn(model, since=until) > 0


def _new_rows(model: RegisteredModel, champion: ModelVersion, newest: DatasetVersion) -> int:
    """Count the rows that came to the data set, and those that people labelled, since the champion read both."""
    came = max(0, (newest.rows or 0) - (champion.dataset_version.rows or 0))
    return came + (count_to_learn(model, since=learned_labels_until(champion)) if can_learn_from_labels(model) else 0)


def _verdicts(champion: ModelVersion, since: datetime) -> dict[str, Any]:
    """Count what was said of the live version's answers: the versions before it have been learned from, or gone back from."""
    said = Feedback.objects.filter(version=champion, given_at__gte=since, correct__isnull=False)
    good = Count("id", filter=Q(correct=True))
    counted = said.values("giver").annotate(good=good, bad=Count("id", filter=Q(correct=False))).order_by()
    subjects = {row["giver"]: (row["good"], row["bad"]) for row in counted}
    positives, negatives = (sum(pair[place] for pair in subjects.values()) for place in (0, 1))
    return {"positives": positives, "negatives": negatives, "subjects": subjects}


def _checked(champion: ModelVersion, since: datetime) -> dict[str, Any]:
    """Return what the newest drift check found; one from before the window says nothing of today."""
    report = last_judged(champion)
    if report is None or report.until < since:
        return {}
    alarm = {"drift_alarm": report.state == DriftReport.State.ALARM, "drift_share": report.share}
    return {**alarm, **_estimated(report)}


def _estimated(report: DriftReport) -> dict[str, Any]:
    """Return how far an estimate of the accuracy falls short of what was measured, in points; none where it is void."""
    if not report.estimate:
        return {}
    if report.estimate["is_void"]:
        return {"is_estimate_void": True}
    told = next((one for one in report.estimate["measures"] if one["measure"] == "accuracy"), None)
    if told is None or told["measured"] is None:
        return {}
    return {"estimated_fall": told["measured"] - told["value"]}


def _fall(model: RegisteredModel, champion: ModelVersion, since: datetime, now: datetime) -> dict[str, Any]:
    """Return how far the labels that came fall short of what was measured: in points of accuracy, or as a share of the error."""
    name = _COMPARED.get(Task(model.task))
    told = {one["version"]: one for one in realised(model, since=since, known_by=now)}.get(champion.number)
    measured = champion.metrics.get(name) if name else None
    if name is None or told is None or measured is None:
        return {}
    fall = measured - told[name] if name == "accuracy" else (told[name] - measured) / max(measured, 1e-12)
    return {"realised_fall": fall, "realised_rows": told["labels"]}


def _retrainings(model: RegisteredModel, now: datetime) -> tuple[datetime, ...]:
    begun = RetrainingDecision.objects.filter(model=model, retrain=True, at__gte=now - MONTH - timedelta(days=1))
    return tuple(begun.order_by("at").values_list("at", flat=True))


def models_with_policy() -> list[RegisteredModel]:
    """Return the models that may be retrained by themselves."""
    with_policy = Q(retraining_policy__isnull=False) | Q(auto_retrain=True)
    return list(RegisteredModel.objects.filter(with_policy, archived_at__isnull=True).order_by("created_at"))


def splits_to_weigh() -> list[TrafficSplit]:
    """Return the comparisons on live requests that are open."""
    found = TrafficSplit.objects.filter(ended_at__isnull=True).order_by("began_at")
    return list(found.select_related("model", "champion__model", "challenger__model"))


def standing_of(split: TrafficSplit) -> Standing:
    """Weigh what both versions got right of what was asked since the comparison began; damaged files raise `ArtifactDamaged`."""
    days = (clock.now() - split.began_at) / timedelta(days=1)
    shares = is_right_or_wrong(split.model)
    if split.mode == TrafficSplit.Mode.SHADOW:
        champion, challenger = answered_again(split)
    else:
        champion, challenger = (outcomes(one, since=split.began_at) for one in (split.champion, split.challenger))
    pairs = split.mode == TrafficSplit.Mode.SHADOW
    standing = weigh(challenger, champion, are_shares=shares, are_pairs=pairs, days=days, max_days=split.max_days)
    if pairs or standing.winner != "challenger":
        return standing
    known = so_far(split)
    return unless_passed_on(
        standing, sum(known.passed_on.values()), known.challenger.requests, is_late=days >= split.max_days
    )


def so_far(split: TrafficSplit, *, until: datetime | None = None) -> SoFar:
    """Count what has come of a comparison: what was counted before and the requests written since, and the labels known now."""
    before = SoFar.from_json(split.so_far)
    counted = split.so_far.get("counted_until")
    written = (datetime.fromisoformat(counted) if counted else split.began_at, until or clock.now())
    sides = {split.champion_id: before.champion, split.challenger_id: before.challenger}
    passed_on = dict(before.passed_on)
    for one in count_answered(split.model_id, since=split.began_at, logged=written):
        if (side := sides.get(one.version_id)) is not None:
            sides[one.version_id] = replace(side, requests=side.requests + one.requests, rows=side.rows + one.rows)
        if one.passed_on:
            passed_on[one.passed_on] = passed_on.get(one.passed_on, 0) + one.requests
    if split.mode == TrafficSplit.Mode.SHADOW:  # the challenger answers again what has a label
        weighed = [count_labelled(split.champion, since=split.began_at)] * 2
    else:
        weighed = [len(outcomes(one, since=split.began_at)) for one in (split.champion, split.challenger)]
    return SoFar(
        replace(sides[split.champion_id], labels=weighed[0]),
        replace(sides[split.challenger_id], labels=weighed[1]),
        passed_on,
        columns_beyond(split.challenger, split.champion),
    )


def counted_until(split: TrafficSplit, until: datetime) -> dict[str, Any]:
    """Return what to store of a comparison: what is counted next begins where this ends."""
    return {**so_far(split, until=until).as_json(), "counted_until": until.isoformat()}


def shown_so_far(split: TrafficSplit) -> dict[str, Any]:
    """Return what has come of a comparison: counted now while it goes on, else as it stood at its end."""
    return so_far(split).as_json() if split.ended_at is None else split.so_far


def columns_beyond(version: ModelVersion, other: ModelVersion) -> tuple[str, ...]:
    """Return the columns that a version reads and another does not."""
    own, others = ([one.name for one in TableSchema.from_json(of.schema).columns] for of in (version, other))
    return tuple(name for name in own if name not in others)


def answered_again(split: TrafficSplit) -> tuple[list[float], list[float]]:
    """Return what the champion got right of its labelled answers, and what the challenger would have, in the same order.

    A row that the challenger refuses counts as the worst: as wrong, or as the largest error that either of both has made.
    """
    labelled = judged_answers(split.champion, since=split.began_at, most=_MOST_ANSWERED_AGAIN)
    predictor, shares = predictors.get(split.challenger_id).predictor, is_right_or_wrong(split.model)
    champion: list[float] = []
    challenger: list[float | None] = []
    for at in range(0, len(labelled), _ANSWERED_AT_ONCE):
        part = labelled[at : at + _ANSWERED_AT_ONCE]
        for one, again in zip(part, _answers(predictor, [one.row for one in part]), strict=True):
            champion.append(outcome(one.predicted, one.label, is_right_or_wrong=shares))
            challenger.append(None if again is None else outcome(again, one.label, is_right_or_wrong=shares))
    known = [one for one in challenger if one is not None]
    worst = 0.0 if shares else max([*champion, *known], default=0.0)
    return champion, [worst if one is None else one for one in challenger]


def _answers(predictor: Predictor, rows: list[dict[str, Any]]) -> list[Any]:
    """Answer rows; where one is refused each is asked alone, and None stands for what is refused."""
    try:
        return list(predictor.predict(rows).values)
    except InvalidInput:
        return [None] if len(rows) == 1 else [answer for row in rows for answer in _answers(predictor, [row])]
