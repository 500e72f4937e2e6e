"""Sends what a server was not told yet, one model at a time, its campaigns in the order in which they ended."""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from apps.core.leases import LeaseLost
from apps.registry.models import RegisteredModel
from apps.tracking import calls, lifecycle
from apps.tracking.facts import name_of, registry_name, run_of, tags_of_model, version_of
from apps.tracking.lifecycle import Claim
from apps.tracking.selectors import aliases_now, models_to_send, unsent
from apps.tracking.server import Line, Refused, Server, Unavailable, server_of_settings
from apps.training.models import TrainingCampaign

logger = logging.getLogger(__name__)
_MOST_SECONDS = 120.0
_WITH = ("model__workspace", "dataset_version__dataset", "version__model", "created_by")


@dataclass
class Sent:
    """What came of it: campaigns that are there now, those that were refused, and why nothing more was sent."""

    campaigns: int = 0
    refused: dict[UUID, str] = field(default_factory=dict)
    fault: str = ""
    is_away: bool = False


def dispatch() -> None:
    """Send what waits, for two minutes at most; a server that is away is asked again later."""
    server = server_of_settings()
    if server is None:
        return
    end = time.monotonic() + _MOST_SECONDS
    for model_id in models_to_send(server.address):
        if time.monotonic() > end:
            return
        try:
            is_away = send_model(server, model_id, end=end).is_away
        except Exception:
            logger.exception("Model %s is not sent.", model_id)
            continue
        if is_away:
            return


def send_model(
    server: Server,
    model_id: UUID,
    *,
    since: datetime | None = None,
    at_once: bool = False,
    end: float | None = None,
) -> Sent:
    """Send what belongs to a model, unless another process does; `end` is when to begin no further campaign."""
    sent = Sent()
    claim = lifecycle.claim(server.address, model_id, at_once=at_once)
    if claim is None:
        sent.fault = "Another process is sending it."
        return sent
    try:
        _send(Line(server, claim.hold), claim, sent, since=since, at_once=at_once, end=end)
    except (Unavailable, Refused) as error:
        logger.warning("Model %s is not sent: %s", model_id, error)
        sent.fault, sent.is_away = error.detail, isinstance(error, Unavailable)
        lifecycle.try_later(claim, error.detail)
    except LeaseLost:
        logger.warning("Model %s is sent by another process.", model_id)
        sent.fault = "Another process is sending it."
    except Exception as error:
        logger.exception("Model %s is not sent.", model_id)
        sent.fault = _fault_of_ours(error)
        lifecycle.try_later(claim, sent.fault)
    except BaseException:
        lifecycle.release(claim)
        raise
    else:
        lifecycle.give_back(claim)
    return sent


def _send(line: Line, claim: Claim, sent: Sent, *, since: datetime | None, at_once: bool, end: float | None) -> None:
    model: RegisteredModel = RegisteredModel.objects.select_related("workspace").get(pk=claim.tracked.model_id)
    if not claim.tracked.name:
        lifecycle.call_it(claim, _free_name(line, model))
    name = claim.tracked.name
    waiting = unsent(line.server.address, since=since, at_once=at_once).filter(model=model)
    experiment = calls.experiment_id(line, name, tags_of_model(model)) if waiting.exists() else ""
    for campaign in list(waiting.select_related(*_WITH)):
        if end is not None and time.monotonic() > end:
            break
        try:
            run_id, version = _send_campaign(line, name, experiment, campaign)
        except Refused as error:
            logger.warning("Campaign %s is not sent: %s", campaign.pk, error)
            sent.refused[campaign.pk] = error.detail
            lifecycle.note_refused(claim, campaign.pk, error.detail)
            continue
        except (Unavailable, LeaseLost):
            raise
        except Exception as error:
            logger.exception("Campaign %s is not sent.", campaign.pk)
            sent.refused[campaign.pk] = _fault_of_ours(error)
            lifecycle.note_refused(claim, campaign.pk, sent.refused[campaign.pk])
            continue
        lifecycle.note_sent(claim, campaign.pk, run_id=run_id, version=version)
        sent.campaigns += 1
    _send_aliases(line, claim)


def _fault_of_ours(error: Exception) -> str:
    return f"Sending stopped with {type(error).__name__}; the worker's log has the details."


def _free_name(line: Line, model: RegisteredModel) -> str:
    name = name_of(model)
    is_ours = calls.is_free(line, experiment=name, registered=registry_name(name), model_id=str(model.pk))
    return name if is_ours else name_of(model, is_taken=True)


def _send_campaign(line: Line, name: str, experiment: str, campaign: TrainingCampaign) -> tuple[str, str]:
    """Send a campaign and the version that it made; return the id of its run and the version's number there."""
    run_id = calls.write_run(line, experiment, str(campaign.pk), run_of(campaign))
    if campaign.version is None:
        return run_id, ""
    registered = registry_name(name)
    calls.write_model(line, registered, campaign.model.description, tags_of_model(campaign.model))
    return run_id, calls.write_version(line, registered, run_id, version_of(campaign.version))


def _send_aliases(line: Line, claim: Claim) -> None:
    """Have the aliases there point where ours do; one whose version was not sent is taken away rather than left behind."""
    told, now = claim.tracked.aliases, aliases_now(claim.tracked.server, claim.tracked.model_id)
    registered = registry_name(claim.tracked.name)
    for alias in told.keys() - now.keys():
        calls.remove_alias(line, registered, alias)
    for alias, version in now.items():
        if told.get(alias) != version:
            calls.set_alias(line, registered, alias, version)
    if told != now:
        lifecycle.note_aliases(claim, now)
