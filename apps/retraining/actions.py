"""Verbs on retraining: set a policy, decide, and begin what was decided."""

import logging
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.core import clock
from apps.core.errors import Conflict, PlatformError
from apps.registry.models import RegisteredModel
from apps.registry.selectors import champion_of
from apps.retraining.models import RetrainingDecision, RetrainingPolicy
from apps.retraining.selectors import facts_of, models_with_policy, policy_of, version_to_retrain_on
from apps.retraining.triggers import Decision, Policy, decide
from apps.training.actions import start_campaign
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM, Actor
from apps.workspaces.actions import record_audit

logger = logging.getLogger(__name__)


@transaction.atomic
def set_policy(*, model: RegisteredModel, settings: Mapping[str, Any], actor: Actor) -> Policy:
    """Give a model this policy, defaults filled in; raise `InvalidInput` that names each bad setting."""
    policy = Policy.from_json(settings)
    RetrainingPolicy.objects.update_or_create(
        model=model, defaults={"policy": policy.as_json(), "updated_by_id": actor.user_id}
    )
    details = policy.as_json()
    record_audit(actor=actor, workspace_id=model.workspace_id, verb="policy.set", target=model, details=details)
    return policy


def evaluate(*, model: RegisteredModel, force: bool = False, policy: Policy | None = None) -> Decision:
    """Decide as `retrain_if_due` would now, by the model's policy unless another is given; nothing is written, nothing begins."""
    policy = policy or policy_of(model)
    if policy is None:
        raise Conflict("The model has no retraining policy. PUT one to its retraining_policy/ route.")
    return decide(policy, facts_of(model, policy), now=clock.now(), force=force)


def retrain_if_due(
    *,
    model: RegisteredModel,
    origin: str,
    actor: Actor,
    force: bool = False,
    policy: Policy | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> RetrainingDecision:
    """Decide, begin the training if it is due, and keep the decision with its reasons.

    `parameters` are settings of that training beside the model's own. The model's row is held meanwhile: of several that ask at
    once, one begins the training and the others see it running.
    """
    with transaction.atomic():
        held: RegisteredModel = RegisteredModel.objects.select_for_update().get(pk=model.pk)
        decision = evaluate(model=held, force=force, policy=policy)
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
                model=model, dataset_version=data, parameters=dict(parameters), name="Retraining", actor=actor
            )
    except PlatformError as error:
        logger.warning("The retraining of model %s could not begin: %s", model.pk, error.detail)
        return None, error.detail
    return campaign, ""


def retrain_what_is_due() -> list[RetrainingDecision]:
    """Decide for every model that has a policy; one that fails keeps no other from its turn."""
    decided = []
    for model in models_with_policy():
        try:
            decided.append(retrain_if_due(model=model, origin=RetrainingDecision.Origin.SCHEDULE, actor=SYSTEM))
        except PlatformError as error:
            logger.warning("Model %s is not decided on: %s", model.pk, error.detail)
    return decided
