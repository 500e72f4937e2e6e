"""Verbs on retraining: set a policy, decide, begin what was decided, judge what came of it, go back."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Model

from apps.core import clock
from apps.core.artifacts import ArtifactDamaged
from apps.core.broker import tell
from apps.core.errors import Conflict, Gone, NotFound, PlatformError
from apps.core.leases import LeaseLost
from apps.predictions.actions import end_split
from apps.predictions.models import TrafficSplit
from apps.registry.actions import promote_checked, refuse_damaged, rollback_model
from apps.registry.models import Alias, RegisteredModel
from apps.registry.selectors import champion_of, open_span, version_now
from apps.retraining import telling
from apps.retraining.gate.verdict import Verdict
from apps.retraining.lifecycle import judgements
from apps.retraining.models import GateReport, RetrainingDecision, RetrainingPolicy
from apps.retraining.reading import read_policy
from apps.retraining.selectors import (
    counted_until,
    facts_of,
    fall_of,
    is_watched,
    models_with_policy,
    open_judgement,
    overtaken_while_waiting,
    policy_of,
    promotions_that_stand,
    retrainings_to_judge,
    splits_to_weigh,
    standing_of,
    version_to_retrain_on,
)
from apps.retraining.triggers import Decision, Policy, decide
from apps.training.actions import start_campaign
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM, Actor
from apps.workspaces.actions import record_audit

logger = logging.getLogger(__name__)
Outcome = GateReport.Outcome
_WRITTEN_WITHIN = timedelta(minutes=1)  # what was answered before is in the log, as a rule
Row = TypeVar("Row", bound=Model)
Done = TypeVar("Done")


@transaction.atomic
def set_policy(*, model: RegisteredModel, settings: Mapping[str, Any], actor: Actor) -> Policy:
    """Give a model this policy, defaults filled in; raise `InvalidInput` that names each bad setting.

    What the gate asks of a challenger stands under `gate`; whether the policy is on is written to the model's `auto_retrain`.
    """
    policy, margins = read_policy(settings)
    RetrainingPolicy.objects.update_or_create(
        model=model, defaults={"policy": policy.as_json(), "margins": margins.as_json(), "updated_by_id": actor.user_id}
    )
    model.auto_retrain = policy.is_enabled
    model.save(update_fields=["auto_retrain"])
    details = {**policy.as_json(), "gate": margins.as_json()}
    record_audit(actor=actor, workspace_id=model.workspace_id, verb="policy.set", target=model, details=details)
    return policy


def evaluate(
    *, model: RegisteredModel, force: bool = False, is_weekly: bool = False, policy: Policy | None = None
) -> Decision:
    """Decide as `retrain_if_due` would now, by the model's policy unless another is given; nothing is written, nothing begins."""
    policy = policy or policy_of(model)
    if policy is None:
        raise Conflict("The model has no retraining policy. PUT one to its retraining_policy/ route.")
    return decide(policy, facts_of(model, policy), now=clock.now(), force=force, is_weekly=is_weekly)


def retrain_if_due(
    *,
    model: RegisteredModel,
    origin: str,
    actor: Actor,
    force: bool = False,
    is_weekly: bool = False,
    policy: Policy | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> RetrainingDecision:
    """Decide, begin the training if it is due, and keep the decision with its reasons.

    `parameters` are settings of that training beside the model's own. The model's row is held meanwhile: of several that ask at
    once, one begins the training and the others see it running.
    """
    with transaction.atomic():
        held: RegisteredModel = RegisteredModel.objects.select_for_update().get(pk=model.pk)
        decision = evaluate(model=held, force=force, is_weekly=is_weekly, policy=policy)
        campaign, error = _begun(held, parameters or {}, actor) if decision.retrain else (None, "")
        kept: RetrainingDecision = RetrainingDecision.objects.create(
            model=held,
            at=clock.now(),
            origin=origin,
            retrain=decision.retrain,
            decision=decision.as_json(),
            error=error,
            campaign=campaign,
            user_id=actor.user_id,
        )
        if decision.retrain:
            details = {"reasons": list(decision.reasons), "campaign": str(campaign.pk) if campaign else None}
            record_audit(actor=actor, workspace_id=held.workspace_id, verb="model.retrain", target=held, details=details)
        if error and origin != RetrainingDecision.Origin.PERSON:  # a person sees it in the answer
            telling.tell_of_no_training(held, error, str(kept.pk))
    return kept


def _begun(model: RegisteredModel, parameters: Mapping[str, Any], actor: Actor) -> tuple[TrainingCampaign | None, str]:
    champion = champion_of(model)
    assert champion is not None  # the decision is against it otherwise
    data = version_to_retrain_on(champion)
    try:
        with transaction.atomic():
            campaign = start_campaign(
                model=model,
                dataset_version=data,
                parameters=dict(parameters),
                name="Retraining",
                feedback=True,
                actor=actor,
            )
    except PlatformError as error:
        logger.warning("The retraining of model %s could not begin: %s", model.pk, error.detail)
        return None, error.detail
    return campaign, ""


def retrain_what_is_due(*, is_weekly: bool = False) -> list[RetrainingDecision]:
    """Decide for every model that has a policy; one that fails keeps no other from its turn."""
    origin = RetrainingDecision.Origin.SCHEDULE
    return _in_turn(
        models_with_policy(),
        lambda model: retrain_if_due(model=model, origin=origin, actor=SYSTEM, is_weekly=is_weekly),
        "Model %s is not decided on",
    )


def _in_turn(rows: Iterable[Row], do: Callable[[Row], Done | None], failed: str) -> list[Done]:
    """Return what was done for each row, None left out; whatever fails is logged, and keeps no other from its turn."""
    done = []
    for row in rows:
        try:
            if (one := do(row)) is not None:
                done.append(one)
        except PlatformError as error:
            logger.warning("%s: %s", failed % row.pk, error.detail)
        except Exception:
            logger.exception(failed, row.pk)
    return done


def start_judgement(*, model: RegisteredModel, actor: Actor, decision: RetrainingDecision | None = None) -> GateReport:
    """Queue a judgement of the challenger beside the champion; return that which is under way if there is one."""
    champion, challenger = champion_of(model), version_now(model, Alias.Name.CHALLENGER)
    if champion is None or challenger is None:
        raise Conflict("There is no challenger to be judged: train another version first.")
    if decision is not None and decision.campaign is not None and decision.campaign.version != challenger:
        raise Conflict("A newer version has become the challenger meanwhile: ask the gate about it by hand.")
    if (found := open_judgement(model)) is not None:
        return found
    try:
        with transaction.atomic():
            report: GateReport = GateReport.objects.create(
                model=model, champion=champion, challenger=challenger, decision=decision, created_by_id=actor.user_id
            )
            details = {"champion": champion.number, "challenger": challenger.number}
            record_audit(actor=actor, workspace_id=model.workspace_id, verb="gate.judge", target=report, details=details)
            transaction.on_commit(lambda: send_judgement(report.pk))
    except IntegrityError:
        if (found := open_judgement(model)) is not None:  # another request was quicker
            return found
        raise
    return report


def send_judgement(report_id: UUID) -> None:
    """Tell the broker that a judgement waits; when it is down, the dispatcher tells it later."""
    from apps.retraining.tasks import run_judgement

    tell(run_judgement, report_id)


def judge_what_was_retrained() -> list[GateReport]:
    """Queue a judgement of each challenger that a decision has made; one that fails keeps no other from its turn."""
    return _in_turn(
        retrainings_to_judge(),
        lambda decision: start_judgement(model=decision.model, actor=SYSTEM, decision=decision),
        "The challenger of decision %s is not judged",
    )


def fail_judgement(*, report: GateReport, token: UUID, reason: str) -> None:
    """End a judgement badly, and tell of it where a policy had asked for it."""
    with transaction.atomic():
        if judgements.fail(report.pk, token, reason=reason) and report.decision_id is not None:
            telling.tell_of_failure(report, reason)


@transaction.atomic
def take_back_judgements() -> None:
    """Return judgements whose run died to what waits; those that died too often fail, and are told of."""
    spent = list(GateReport.objects.filter(status=GateReport.Status.RUNNING, attempt__gte=judgements.most_attempts))
    judgements.take_back_expired()
    failed = GateReport.objects.filter(pk__in=[one.pk for one in spent], error=judgements.died, decision__isnull=False)
    for report in failed.select_related("model", "challenger"):
        telling.tell_of_failure(report, report.error)


def close_what_was_overtaken() -> None:
    """Close what waits for approval over a champion that is live no longer: nobody can approve it any more."""
    _in_turn(overtaken_while_waiting(), _overtaken, "Judgement %s is not closed")


@transaction.atomic
def _overtaken(report: GateReport) -> None:
    if GateReport.objects.filter(pk=report.pk, outcome=Outcome.WAITING).update(outcome=Outcome.OVERTAKEN):
        details = {"outcome": str(Outcome.OVERTAKEN)}
        workspace = report.model.workspace_id
        telling.end_waiting(report)
        record_audit(actor=SYSTEM, workspace_id=workspace, verb="gate.verdict", target=report, details=details)


def conclude(*, report: GateReport, token: UUID, verdict: Verdict, holdout: Mapping[str, Any]) -> str:
    """End a judgement, and in the same transaction promote what passed, where the policy says so; return the outcome.

    Raises
    ------
    LeaseLost : another run holds the judgement; nothing was written.
    Conflict : the challenger's files are damaged.

    """
    report.model.refresh_from_db(fields=["auto_retrain"])  # judging takes minutes
    outcome = _outcome(report, passed=verdict.promote)
    if outcome == Outcome.PROMOTED:
        refuse_damaged(report.challenger)
    with transaction.atomic():
        if outcome == Outcome.PROMOTED:
            outcome = _promoted(report, verdict)
        if not judgements.complete(report.pk, token, outcome=outcome, verdict=verdict.as_json(), holdout=dict(holdout)):
            raise LeaseLost
        details = {"outcome": str(outcome), "reasons": list(verdict.reasons)}
        record_audit(
            actor=SYSTEM, workspace_id=report.model.workspace_id, verb="gate.verdict", target=report, details=details
        )
        if report.decision_id is not None:
            telling.tell_of_verdict(report, outcome, verdict.gist)
    return outcome


def _outcome(report: GateReport, *, passed: bool) -> str:
    """Say what becomes of a challenger: only one that a policy has asked for, and that is on still, goes live by itself."""
    if not passed:
        return Outcome.KEPT
    policy = policy_of(report.model)
    if report.decision_id is None or policy is None or not policy.is_enabled:
        return Outcome.ADVISED
    return {"automatic": Outcome.PROMOTED, "approval": Outcome.WAITING, "hand": Outcome.ADVISED}[policy.promotion]


def _promoted(report: GateReport, verdict: Verdict) -> str:
    try:
        with transaction.atomic():
            promote_checked(version=report.challenger, actor=SYSTEM, reason=f"Gate: {verdict.gist}", over=report.champion)
    except Conflict as error:
        logger.warning("Version %s passed the gate and is not promoted: %s", report.challenger_id, error.detail)
        return Outcome.OVERTAKEN
    return Outcome.PROMOTED


def approve(*, report: GateReport, actor: Actor) -> GateReport:
    """Promote a challenger that passed the gate and waits; by somebody else than who began its training."""
    if report.outcome == Outcome.ADVISED:
        raise Conflict("It passed the gate and waits for nobody's approval: promote the version by hand.")
    if report.outcome != Outcome.WAITING:
        raise Conflict("Only a challenger that passed the gate and waits for approval can be approved.")
    if actor.user_id is not None and actor.user_id == report.challenger.created_by_id:
        raise Conflict("Whoever began the training cannot approve what it made: ask another approver of the workspace.")
    refuse_damaged(report.challenger)
    with transaction.atomic():
        waiting = GateReport.objects.filter(pk=report.pk, outcome=Outcome.WAITING)
        if not waiting.update(outcome=Outcome.PROMOTED, approved_by_id=actor.user_id):
            raise Conflict("Somebody else has decided on this challenger at this moment.")
        promote_checked(version=report.challenger, actor=actor, reason="approved after the gate", over=report.champion)
        telling.end_waiting(report)
    report.refresh_from_db()
    return report


@transaction.atomic
def decline(*, report: GateReport, actor: Actor, reason: str = "") -> GateReport:
    """Leave the champion live though its challenger passed the gate; the schedule may retrain again once something new has come."""
    waiting = GateReport.objects.filter(pk=report.pk, outcome=Outcome.WAITING)
    if not waiting.update(outcome=Outcome.DECLINED, declined_because=reason):
        raise Conflict("Only a challenger that passed the gate and waits for approval can be declined.")
    telling.end_waiting(report)
    details = {"challenger": report.challenger.number, "reason": reason}
    record_audit(actor=actor, workspace_id=report.model.workspace_id, verb="gate.decline", target=report, details=details)
    report.refresh_from_db()
    return report


def roll_back_what_fell() -> list[GateReport]:
    """Bring back the champion before each that the gate has let through and that labels show to be surely worse."""
    return _in_turn(promotions_that_stand(), _watched, "The promotion of judgement %s is not watched")


def _watched(report: GateReport) -> GateReport | None:
    if not is_watched(report) or not (fall := fall_of(report)).roll_back:
        return None
    try:
        with transaction.atomic():
            promoted = GateReport.objects.filter(pk=report.pk, outcome=Outcome.PROMOTED)
            if promoted.update(outcome=Outcome.ROLLED_BACK):
                rollback_model(model=report.model, actor=SYSTEM, reason=fall.sentence, leaving=report.challenger)
                telling.tell_of_rollback(report, fall.sentence)
    except PlatformError as error:
        telling.tell_of_failed_rollback(report, error.detail)
        raise
    return report


def end_comparison(*, split: TrafficSplit, actor: Actor, standing: Mapping[str, Any] | None = None) -> bool:
    """End a comparison on live requests and keep what came of it; False when it had ended before."""
    return end_split(split=split, actor=actor, standing=standing, so_far=counted_until(split, clock.now()))


def weigh_traffic() -> list[TrafficSplit]:
    """Weigh every open comparison on live requests, and end those that are over: by a winner, by time, or by another champion."""
    return _in_turn(splits_to_weigh(), lambda split: split if _weighed(split) else None, "Comparison %s is not weighed")


def _weighed(split: TrafficSplit) -> bool:
    if why := _why_over(split):
        return _broken_off(split, why)
    unread = f"The files of version {split.challenger.number} cannot be read: the comparison ends."
    try:
        standing = standing_of(split)
    except (ArtifactDamaged, Gone, NotFound) as error:
        logger.warning("Comparison %s ends: %s", split.pk, error.detail)
        return _broken_off(split, unread, is_told=True)
    except Exception:
        if clock.now() - split.began_at < timedelta(days=split.max_days):
            raise
        logger.exception("Comparison %s ends, and could not be weighed", split.pk)
        return _broken_off(split, f"It ends after {split.max_days} days: it could not be weighed.", is_told=True)
    if not standing.is_over:
        counts = counted_until(split, clock.now() - _WRITTEN_WITHIN)
        TrafficSplit.objects.filter(pk=split.pk, ended_at__isnull=True).update(standing=standing.as_json(), so_far=counts)
        return False
    wins = standing.winner == "challenger" and split.on_win == TrafficSplit.OnWin.PROMOTE
    if wins:
        try:
            refuse_damaged(split.challenger)
        except Conflict as error:
            logger.warning("Comparison %s ends: %s", split.pk, error.detail)
            return _broken_off(split, unread, is_told=True)
    with transaction.atomic():
        ended = end_comparison(split=split, actor=SYSTEM, standing=standing.as_json())
        if ended and standing.winner is not None:
            telling.tell_of_traffic(split, standing.sentence, has_won=standing.winner == "challenger", is_live=wins)
        if ended and wins:
            promote_checked(version=split.challenger, actor=SYSTEM, reason=standing.sentence, over=split.champion)
    return ended


def _why_over(split: TrafficSplit) -> str:
    live = open_span(split.model_id, Alias.Name.CHAMPION)
    if live is None or live.version_id != split.champion_id or split.model.archived_at is not None:
        return f"Version {split.champion.number} is no longer the champion: the comparison ends."
    return "Another version was live meanwhile: the comparison ends." if live.since > split.began_at else ""


@transaction.atomic
def _broken_off(split: TrafficSplit, why: str, *, is_told: bool = False) -> bool:
    """End a comparison without a winner; how it stood at the last look stays."""
    unknown = dict.fromkeys(("difference", "low", "high"))
    standing = {"labels": 0, **unknown, **split.standing, "winner": None, "is_over": True, "sentence": why}
    ended = end_comparison(split=split, actor=SYSTEM, standing=standing)
    if ended and is_told:
        telling.tell_of_traffic(split, why, has_won=False, is_live=False)
    return ended
