"""Verbs on retraining: set a policy, decide, begin what was decided, judge what came of it, go back."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.alerts.actions import raise_alert
from apps.alerts.models import Kind, Severity
from apps.core import clock
from apps.core.broker import tell
from apps.core.errors import Conflict, InvalidInput, PlatformError, Problem
from apps.core.leases import LeaseLost
from apps.predictions.actions import end_split
from apps.predictions.models import TrafficSplit
from apps.registry.actions import promote_checked, refuse_damaged, rollback_model
from apps.registry.models import Alias, RegisteredModel
from apps.registry.selectors import champion_id_of, champion_of, version_now
from apps.retraining.gate.fall import Fall
from apps.retraining.gate.margins import Margins
from apps.retraining.gate.verdict import Verdict
from apps.retraining.lifecycle import judgements
from apps.retraining.models import GateReport, RetrainingDecision, RetrainingPolicy
from apps.retraining.selectors import (
    facts_of,
    fall_of,
    models_with_policy,
    open_judgement,
    policy_of,
    promotions_to_watch,
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
_PASSED = (Outcome.PROMOTED, Outcome.WAITING, Outcome.ADVISED)


@transaction.atomic
def set_policy(*, model: RegisteredModel, settings: Mapping[str, Any], actor: Actor) -> Policy:
    """Give a model this policy, defaults filled in; raise `InvalidInput` that names each bad setting.

    What the gate asks of a challenger stands under `gate`; whether the policy is on is written to the model's `auto_retrain`.
    """
    asked = dict(settings)
    margins = _margins(asked.pop("gate", None))
    policy = Policy.from_json(asked)
    RetrainingPolicy.objects.update_or_create(
        model=model, defaults={"policy": policy.as_json(), "margins": margins.as_json(), "updated_by_id": actor.user_id}
    )
    model.auto_retrain = policy.is_enabled
    model.save(update_fields=["auto_retrain"])
    details = {**policy.as_json(), "gate": margins.as_json()}
    record_audit(actor=actor, workspace_id=model.workspace_id, verb="policy.set", target=model, details=details)
    return policy


def _margins(given: Any) -> Margins:
    if given is None:
        return Margins()
    if not isinstance(given, dict):
        raise InvalidInput(
            "Send the gate's margins as an object.", [Problem("/gate", "not_an_object", 'Send {"gain": 0.02, …}.')]
        )
    try:
        return Margins.from_json(given)
    except InvalidInput as error:
        raise InvalidInput(error.detail, [replace(one, pointer=f"/gate{one.pointer}") for one in error.problems]) from error


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
    decided, origin = [], RetrainingDecision.Origin.SCHEDULE
    for model in models_with_policy():
        try:
            decided.append(retrain_if_due(model=model, origin=origin, actor=SYSTEM, is_weekly=is_weekly))
        except PlatformError as error:
            logger.warning("Model %s is not decided on: %s", model.pk, error.detail)
    return decided


def start_judgement(*, model: RegisteredModel, actor: Actor, decision: RetrainingDecision | None = None) -> GateReport:
    """Queue a judgement of the challenger beside the champion; return that which is under way if there is one."""
    champion, challenger = champion_of(model), version_now(model, Alias.Name.CHALLENGER)
    if champion is None or challenger is None:
        raise Conflict("There is no challenger to be judged: train another version first.")
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
    asked = []
    for decision in retrainings_to_judge():
        try:
            asked.append(start_judgement(model=decision.model, actor=SYSTEM, decision=decision))
        except (PlatformError, IntegrityError) as error:
            logger.warning("The challenger of model %s is not judged: %s", decision.model_id, error)
    return asked


def conclude(*, report: GateReport, token: UUID, verdict: Verdict, holdout: Mapping[str, Any]) -> str:
    """End a judgement, and in the same transaction promote what passed, where the policy says so; return the outcome.

    Raises
    ------
    LeaseLost : another run holds the judgement; nothing was written.
    Conflict : the challenger's files are damaged.

    """
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
            _tell_of_verdict(report, outcome, verdict.reasons[0])
    return outcome


def _outcome(report: GateReport, *, passed: bool) -> str:
    """Say what becomes of a challenger: only one that a policy has asked for goes live by itself."""
    if not passed:
        return Outcome.KEPT
    policy = policy_of(report.model)
    if report.decision_id is None or policy is None:
        return Outcome.ADVISED
    return {"automatic": Outcome.PROMOTED, "approval": Outcome.WAITING, "hand": Outcome.ADVISED}[policy.promotion]


def _promoted(report: GateReport, verdict: Verdict) -> str:
    try:
        with transaction.atomic():
            promote_checked(
                version=report.challenger, actor=SYSTEM, reason=f"Gate: {verdict.reasons[0]}", over=report.champion
            )
    except Conflict as error:
        logger.warning("Version %s passed the gate and is not promoted: %s", report.challenger_id, error.detail)
        return Outcome.OVERTAKEN
    return Outcome.PROMOTED


def approve(*, report: GateReport, actor: Actor) -> GateReport:
    """Promote a challenger that passed the gate and waits; by somebody else than who began its training."""
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
    report.refresh_from_db()
    return report


def roll_back_what_fell() -> list[GateReport]:
    """Bring back the champion before each that the gate has let through and that labels show to be surely worse."""
    fallen = []
    for report in promotions_to_watch():
        try:
            if (fall := fall_of(report)).roll_back:
                _rolled_back(report, fall)
                fallen.append(report)
        except PlatformError as error:
            logger.warning("Model %s is not rolled back: %s", report.model_id, error.detail)
    return fallen


def _rolled_back(report: GateReport, fall: Fall) -> None:
    with transaction.atomic():
        promoted = GateReport.objects.filter(pk=report.pk, outcome=Outcome.PROMOTED)
        if promoted.update(outcome=Outcome.ROLLED_BACK):
            rollback_model(model=report.model, actor=SYSTEM, reason=fall.sentence, leaving=report.challenger)
            _tell_of_rollback(report, fall.sentence)


def weigh_traffic() -> list[TrafficSplit]:
    """Weigh every open comparison on live requests, and end those that are over: by a winner, by time, or by another champion."""
    ended = []
    for split in splits_to_weigh():
        try:
            if _weighed(split):
                ended.append(split)
        except PlatformError as error:
            logger.warning("The traffic of model %s is not weighed: %s", split.model_id, error.detail)
    return ended


def _weighed(split: TrafficSplit) -> bool:
    if champion_id_of(split.model_id) != split.champion_id or split.model.archived_at is not None:
        text = f"Version {split.champion.number} is no longer the champion: the comparison ends."
        return end_split(split=split, actor=SYSTEM, standing={**split.standing, "is_over": True, "sentence": text})
    standing = standing_of(split)
    if not standing.is_over:
        TrafficSplit.objects.filter(pk=split.pk, ended_at__isnull=True).update(standing=standing.as_json())
        return False
    wins = standing.winner == "challenger" and split.on_win == TrafficSplit.OnWin.PROMOTE
    if wins:
        refuse_damaged(split.challenger)
    with transaction.atomic():
        ended = end_split(split=split, actor=SYSTEM, standing=standing.as_json())
        if ended and standing.winner is not None:
            _tell_of_traffic(split, standing.sentence, is_live=wins)
        if ended and wins:
            promote_checked(version=split.challenger, actor=SYSTEM, reason=standing.sentence, over=split.champion)
    return ended


def _tell_of_verdict(report: GateReport, outcome: str, reason: str) -> None:
    """Tell what became of a challenger that a policy had trained."""
    number = report.challenger.number
    titles = {
        Outcome.PROMOTED: f"Version {number} of {report.model.name} passed the gate and is live.",
        Outcome.WAITING: f"Version {number} of {report.model.name} passed the gate and waits for approval.",
        Outcome.ADVISED: f"Version {number} of {report.model.name} passed the gate: promote it by hand.",
        Outcome.OVERTAKEN: f"Version {number} of {report.model.name} was overtaken by another promotion.",
        Outcome.KEPT: f"Version {number} of {report.model.name} was refused by the gate.",
    }
    kind = Kind.GATE_PROMOTED if outcome in _PASSED else Kind.GATE_REFUSED
    severity = Severity.WARNING if outcome in (Outcome.WAITING, Outcome.ADVISED) else None  # somebody is waited for
    title = titles[Outcome(outcome)]
    _tell(report.model, kind, f"gate:{report.challenger_id}", title, reason, str(report.pk), severity)


def _tell_of_rollback(report: GateReport, reason: str) -> None:
    """Tell that a promotion was taken back."""
    title = f"Version {report.challenger.number} of {report.model.name} was rolled back."
    _tell(report.model, Kind.ROLLED_BACK, f"rollback:{report.challenger_id}", title, reason, str(report.pk))


def _tell_of_traffic(split: TrafficSplit, reason: str, *, is_live: bool) -> None:
    """Tell that a comparison on live requests has a winner."""
    name, number = split.model.name, split.challenger.number
    title = (
        f"Version {number} of {name} won on live requests and is live."
        if is_live
        else f"The comparison of {name} on live requests is over."
    )
    _tell(
        split.model,
        Kind.GATE_PROMOTED if is_live else Kind.GATE_REFUSED,
        f"traffic:{split.pk}",
        title,
        reason,
        str(split.pk),
    )


def _tell(
    model: RegisteredModel, kind: str, key: str, title: str, sentence: str, source: str, severity: str | None = None
) -> None:
    raise_alert(
        workspace_id=model.workspace_id, kind=kind, key=key, title=title, sentence=sentence, details={"source": source},
        model_id=model.pk, model_name=model.name, severity=severity,
    )  # fmt: skip
