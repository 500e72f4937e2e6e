"""What the commands share: which models are asked, how a decision is told, and what the exit code says."""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.algorithms.choice import choice_of
from apps.core import clock
from apps.core.errors import PlatformError
from apps.registry.cleaning import Keep, removable_versions, remove_old_files
from apps.registry.management.naming import model_named
from apps.registry.models import RegisteredModel
from apps.retraining.actions import evaluate, retrain_if_due
from apps.retraining.models import RetrainingDecision
from apps.retraining.selectors import models_with_policy, policy_of
from apps.retraining.triggers import Policy
from apps.workspaces.access import SYSTEM

logger = logging.getLogger(__name__)
DUE = 3  # the exit code of a dry run that would retrain
CODES = f"Exit code 0: all went well; 1: something is at fault; {DUE}: a dry run would retrain."


@dataclass(frozen=True)
class Asked:
    """What a command was asked for; `limits` take the place of those of each model's policy."""

    is_dry: bool = False
    force: bool = False
    limits: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    keep: Keep | None = None  # of old versions, whose files are removed after the decision; None: nothing is removed


def models_named(names: Iterable[str]) -> list[RegisteredModel]:
    """Return the models of these ids or names, all that have a policy where none is named."""
    found = [model_named(name) for name in names]
    return found or models_with_policy()


def ask_each(command: BaseCommand, models: Iterable[RegisteredModel], asked: Asked) -> None:
    """Decide for each model and tell it, a JSON line each; exit with `DUE` where a dry run would retrain."""
    faults, due = 0, False
    for model in models:
        try:
            told = _told(model, asked)
        except PlatformError as error:
            faults += 1
            command.stderr.write(f"{model}: {error.detail}")
            continue
        except Exception as error:
            logger.exception("Model %s is not decided on", model.pk)
            faults += 1
            command.stderr.write(f"{model}: it stopped with {type(error).__name__}; the log has the details.")
            continue
        due = due or told["retrain"]
        faults += bool(told["error"])
        command.stdout.write(json.dumps(told, ensure_ascii=False))
    if faults:
        raise CommandError(f"{faults} models could not be decided on or trained.")
    if asked.is_dry and due:
        raise SystemExit(DUE)


def _told(model: RegisteredModel, asked: Asked) -> dict[str, Any]:
    """Decide for a model, and begin its training unless it is a dry run."""
    policy = Policy.from_json({**(policy_of(model) or Policy()).as_json(), **asked.limits})
    own = {one.name for one in choice_of(model.algorithm, model.task).hyperparameters}
    parameters = {name: value for name, value in asked.parameters.items() if name in own}
    left_out = [name for name in asked.parameters if name not in own]
    if asked.is_dry:
        decision, campaign, error = evaluate(model=model, force=asked.force, policy=policy).as_json(), None, ""
    else:
        kept = retrain_if_due(
            model=model,
            origin=RetrainingDecision.Origin.COMMAND,
            actor=SYSTEM,
            force=asked.force,
            policy=policy,
            parameters=parameters,
        )
        decision, campaign, error = kept.decision, kept.campaign_id, kept.error
    return {
        "at": clock.now().isoformat(),
        "model": str(model.pk),
        "name": model.name,
        "dry_run": asked.is_dry,
        **decision,
        "campaign": str(campaign) if campaign else None,
        "error": error,
        "parameters_left_out": left_out,
        "files_removed": _cleaned(model, asked),
    }


def _cleaned(model: RegisteredModel, asked: Asked) -> list[int]:
    """Remove the files of a model's old versions if that is asked for; return their numbers, those that it would be in a dry run."""
    if asked.keep is None:
        return []
    if asked.is_dry:
        return [version.number for version in removable_versions(model.pk, asked.keep)]
    return [version.number for version in remove_old_files(model=model, keep=asked.keep, actor=SYSTEM)]


def as_line(kept: RetrainingDecision) -> str:
    """Return a decision of the past as a JSON line."""
    told = {"at": kept.at.isoformat(), "model": str(kept.model_id), "name": kept.model.name, "origin": kept.origin}
    campaign = str(kept.campaign_id) if kept.campaign_id else None
    return json.dumps({**told, **kept.decision, "campaign": campaign, "error": kept.error}, ensure_ascii=False)
