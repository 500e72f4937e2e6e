"""Verbs on campaigns: start, cancel, take back what died, send again what the broker lost."""

import contextlib
import difflib
import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Min, Q

from apps.algorithms.choice import AUTO, Choice, choice_of
from apps.algorithms.predictors.rows import NUMERIC
from apps.algorithms.roles import Roles, check_roles
from apps.algorithms.schema import ColumnKind, Task
from apps.algorithms.targets import LEAST_ROWS_IN_ALL, Target, check_target
from apps.core import clock
from apps.core.broker import messages_in, tell
from apps.core.errors import Conflict, InvalidInput, Problem, Throttled
from apps.core.processes import is_gone
from apps.datasets.models import DatasetVersion
from apps.registry.models import RegisteredModel
from apps.training import lifecycle
from apps.training.labelled import can_learn_from_labels
from apps.training.models import TrainingCampaign, Trial
from apps.training.staging import remove_staging
from apps.workspaces.access import Actor
from apps.workspaces.actions import record_audit
from apps.workspaces.models import Workspace

Status = TrainingCampaign.Status
_SENT_PATIENCE = timedelta(seconds=30)
_SENT_AT_ONCE = 100
_LOOKED_AT = 1_000  # of those that wait
_STARTS_KEPT_IN_MIND = 200
_LEAST_SEARCHED_ROWS = 2_000
_TAKEN_OVER = (Trial.Status.COMPLETED, Trial.Status.PRUNED)  # by a search that goes on


def start_campaign(
    *,
    model: RegisteredModel,
    dataset_version: DatasetVersion,
    parameters: dict[str, Any] | None = None,
    name: str = "",
    seed: int = 0,
    search: Mapping[str, Any] | None = None,
    feedback: bool = False,
    actor: Actor,
) -> TrainingCampaign:
    """Queue a training; parameters given here override the model's.

    `feedback`: the rows that people have labelled so far are learned from too, where the task has such labels.

    `search` holds `seconds`, `trials` (None: as many as fit) and `continues` (the id of a campaign of this model, or None): the
    campaign looks for better settings, and leaves those that are given here as they are. An automatic choice always searches.
    """
    chosen = check_campaign(model=model, dataset_version=dataset_version, parameters=parameters, search=search)
    if search is None and model.algorithm == AUTO:
        search = {}
    wanted = None if search is None else _search_of(search, model, held=parameters or {})
    taken_over = _taken_over(model, dataset_version, seed, wanted, chosen) if wanted and wanted["continues"] else []
    with transaction.atomic():
        # Two requests at once must not both take the last place.
        Workspace.objects.select_for_update().get(pk=model.workspace_id)
        waiting = TrainingCampaign.objects.filter(model__workspace_id=model.workspace_id, status=Status.PENDING).count()
        if waiting >= settings.TRAINING_MAX_QUEUED:
            raise Throttled(f"This workspace has {waiting} trainings waiting already. Wait for some to end.", retry_after=60)
        campaign: TrainingCampaign = TrainingCampaign.objects.create(
            model=model,
            dataset_version=dataset_version,
            name=name,
            algorithm="" if model.algorithm == AUTO else model.algorithm,
            parameters=chosen,
            search=wanted,
            seed=seed,
            feedback_until=_feedback_until(model, wanted, asked=feedback),
            stage="queued",
            sent_at=clock.now(),
            created_by_id=actor.user_id,
        )
        _copy(taken_over, campaign)
        lifecycle.record_creation(campaign)
        details = {"model": str(model.pk), "dataset_version": str(dataset_version.pk)}
        record_audit(actor=actor, workspace_id=model.workspace_id, verb="campaign.start", target=campaign, details=details)
        transaction.on_commit(lambda: send(campaign.pk))
    return campaign


def check_campaign(
    *,
    model: RegisteredModel,
    dataset_version: DatasetVersion,
    parameters: dict[str, Any] | None = None,
    search: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Refuse what a campaign could not be started with, writing nothing; return the parameters it would use."""
    choice = choice_of(model.algorithm, model.task)
    chosen = choice.clean_parameters({**model.parameters, **(parameters or {})})
    if search is not None and not choice.is_searchable:
        text = (
            f"{choice.title} has no answers to judge settings by, so there is nothing to search for. Leave the search out."
        )
        raise InvalidInput(text, [Problem("/search", "not_searchable", text)])
    _check(model, dataset_version, choice)
    return chosen


def _search_of(given: Mapping[str, Any], model: RegisteredModel, *, held: Mapping[str, Any]) -> dict[str, Any]:
    seconds = int(given.get("seconds") or settings.SEARCH_SECONDS)
    if seconds >= settings.TRAINING_TIME_SECONDS:
        text = f"A training may take {settings.TRAINING_TIME_SECONDS} seconds here. Give the search less than that."
        raise InvalidInput(text, [Problem("/search/seconds", "too_long", text)])
    continues = given.get("continues")
    rows = max(_LEAST_SEARCHED_ROWS, settings.SEARCH_ROWS_A_SECOND * seconds)
    return {
        "seconds": seconds,
        "trials": given.get("trials"),
        "continues": str(continues) if continues else None,
        "rows": rows,
        "held": dict(held),
        "of": _compared_on(model),
    }


def _feedback_until(model: RegisteredModel, search: dict[str, Any] | None, *, asked: bool) -> datetime | None:
    """Return up to when labels count; a search that goes on is about the same rows as before."""
    if search and search["continues"]:
        before: datetime | None = model.campaigns.values_list("feedback_until", flat=True).get(pk=search["continues"])
        return before
    return clock.now() if asked and can_learn_from_labels(model) else None


def _compared_on(model: RegisteredModel) -> dict[str, Any]:
    """Return what the scores of two trials must have in common, besides the rows, for them to be compared."""
    names = ("algorithm", "task", "target", "features", "group_column", "time_column")
    return {name: getattr(model, name) for name in names}


def _taken_over(
    model: RegisteredModel, version: DatasetVersion, seed: int, wanted: dict[str, Any], chosen: Mapping[str, Any]
) -> list[Trial]:
    """Return the trials of the search that goes on: of the same question and rows, with the parameters that are not searched."""
    earlier: TrainingCampaign | None = model.campaigns.filter(pk=wanted["continues"], search__isnull=False).first()
    if earlier is None:
        _cannot_continue("The model has no search of this id.")
    if earlier.status not in {Status.CANCELLED, Status.FAILED, Status.COMPLETED}:
        raise Conflict(f"That search is {earlier.status}: it goes on by itself.")
    if (earlier.dataset_version_id, earlier.seed) != (version.pk, seed):
        _cannot_continue(
            "It searched on other rows: give the same data set version and the same seed, or start a new search."
        )
    limits = earlier.search or wanted
    if limits.get("of", wanted["of"]) != wanted["of"]:
        _cannot_continue("The model asks something else since: start a new search.")
    wanted["rows"] = limits["rows"]
    taken = _fitting(earlier, chosen, held=wanted["held"])
    if not taken and earlier.trials.filter(status__in=_TAKEN_OVER).exists():
        _cannot_continue("None of its trials has the parameters that are asked for now: start a new search.")
    if wanted["trials"] is not None and len(taken) >= wanted["trials"]:
        text = f"Of that search {len(taken)} trials are taken over, and they count. Give a larger number, or none."
        raise InvalidInput(text, [Problem("/search/trials", "all_made", text)])
    return taken


def trials_to_take_over(earlier: TrainingCampaign) -> list[Trial]:
    """Return the trials that a search would go on from which holds what this one has held."""
    model, held = earlier.model, (earlier.search or {}).get("held", {})
    return _fitting(
        earlier, choice_of(model.algorithm, model.task).clean_parameters({**model.parameters, **held}), held=held
    )


def _fitting(earlier: TrainingCampaign, chosen: Mapping[str, Any], *, held: Mapping[str, Any]) -> list[Trial]:
    asked = json.loads(json.dumps(chosen))  # as the rows hold it
    ended = earlier.trials.filter(status__in=_TAKEN_OVER).order_by("number")
    return [trial for trial in ended if _has(trial, asked, held=held)]


def _has(trial: Trial, asked: Mapping[str, Any], *, held: Mapping[str, Any]) -> bool:
    """Say whether a trial has the parameters that are asked for, but for those that a search may choose."""
    free = trial.searched.keys() - held.keys()
    own = trial.parameters
    return all(own[name] == value for name, value in asked.items() if name in own and name not in free)


def _cannot_continue(fault: str) -> NoReturn:
    raise InvalidInput(fault, [Problem("/search/continues", "cannot_continue", fault)])


def _copy(trials: list[Trial], campaign: TrainingCampaign) -> None:
    for number, trial in enumerate(trials, start=1):
        trial.pk, trial.campaign, trial.number = uuid.uuid4(), campaign, number
    Trial.objects.bulk_create(trials)


def _check(model: RegisteredModel, version: DatasetVersion, choice: Choice) -> None:
    if model.archived_at is not None:
        raise Conflict("The model is archived.")
    if version.dataset.workspace_id != model.workspace_id:
        raise InvalidInput(
            "No such data set.", [Problem("/dataset", "unknown_dataset", "The workspace has no such data set.")]
        )
    if version.status != DatasetVersion.Status.READY:
        raise Conflict(f"The data set is {version.status}; it can be trained on once it is ready.")
    columns = [column["name"] for column in version.columns]
    wanted = {"/target": [model.target], "/features": model.features}
    wanted |= {"/group_column": [model.group_column], "/time_column": [model.time_column]}
    problems = [
        _unknown(pointer, name, columns)
        for pointer, names in wanted.items()
        for name in names
        if name and name not in columns
    ]
    if problems:
        raise InvalidInput(f"The data set does not have every column that the model names. {problems[0].detail}", problems)
    _check_subject(model, version.dataset.subject_column)
    kinds = {column["name"]: ColumnKind(column["dtype"]) for column in version.columns}
    if choice.input_kind == "series":
        check_roles(Roles(model.time_column, model.target, model.group_column, tuple(model.features)), kinds)
    elif model.time_column and kinds[model.time_column] not in NUMERIC:
        text = f"The rows cannot be put in order by {model.time_column!r}: it holds text. Choose a date or a number."
        raise InvalidInput(text, [Problem("/time_column", "not_a_time", text)])
    else:
        _check_split(model)
    _check_task(model, version, choice)


def _check_subject(model: RegisteredModel, column: str) -> None:
    """Refuse to learn from, or to predict, whose data a row is."""
    for pointer, names in (("/target", [model.target]), ("/features", model.features)):
        if column and column in names:
            text = f"The column {column!r} says whose data a row is: nothing is learned from it. Choose other columns."
            raise InvalidInput(text, [Problem(pointer, "is_subject", text)])


def _check_split(model: RegisteredModel) -> None:
    """Refuse columns that cannot say which rows are kept apart."""
    if model.group_column and model.time_column:
        text = "Rows are kept apart by groups or by time, not by both: leave one of them empty."
        raise InvalidInput(text, [Problem("/group_column", "two_splits", text)])
    for pointer, name in (("/group_column", model.group_column), ("/time_column", model.time_column)):
        if name and name == model.target:
            text = f"{name!r} is what is predicted: the rows to keep apart cannot be chosen by it. Choose another column."
            raise InvalidInput(text, [Problem(pointer, "is_target", text)])


def _check_task(model: RegisteredModel, version: DatasetVersion, choice: Choice) -> None:
    """Refuse what the data set's profile shows to fail, so that nobody waits for it."""
    profile = {column["name"]: column for column in version.columns}
    learned = set(model.features or profile.keys() - {model.group_column}) - {model.target, version.dataset.subject_column}
    if not learned and choice.input_kind == "table":
        text = "No feature column is left to learn from. Choose at least one column besides the target."
        raise InvalidInput(text, [Problem("/features", "no_feature", text)])
    rows = version.rows or 0
    if choice.needs_target and not model.target:
        text = f"{choice.title} needs a target: name the column to predict."
        raise InvalidInput(text, [Problem("/target", "no_target", text)])
    if choice.needs_target:
        target = Target.of_profile(profile[model.target], rows)
        check_target(Task(model.task), target, keeps_class_shares=not (model.group_column or model.time_column))
        rows = rows if target.rows is None else target.rows
    if rows < LEAST_ROWS_IN_ALL:
        text = f"There are {rows} rows; at least {LEAST_ROWS_IN_ALL} are needed, a fifth of which is kept apart. Upload more data."
        raise InvalidInput(text, [Problem("/dataset", "few_rows", text)])


def _unknown(pointer: str, name: str, columns: list[str]) -> Problem:
    near = difflib.get_close_matches(name, columns, n=3, cutoff=0.8)
    hint = f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else f"Its columns are: {', '.join(columns[:20])}."
    return Problem(pointer, "unknown_column", f"There is no column {name!r}. {hint}")


def send(campaign_id: UUID) -> None:
    """Tell the broker that a campaign waits; when it is down, the dispatcher tells it later."""
    from apps.training.tasks import run_campaign

    tell(run_campaign, campaign_id)


def send_trial(trial: Trial, *, seconds: int) -> None:
    """Tell the broker of a trial; a process that is still at it after so many seconds is killed."""
    from apps.training.tasks import run_trial

    tell(run_trial, trial.pk, time_limit=seconds, expires=trial.until)


def cancel_campaign(*, campaign: TrainingCampaign, actor: Actor) -> TrainingCampaign:
    """Stop a campaign: at once when it waits, within seconds when it trains; an ended one is a conflict."""
    with transaction.atomic():
        status = lifecycle.request_cancel(campaign.pk)
        if status is None:
            campaign.refresh_from_db()
            raise Conflict(f"The campaign is {campaign.status} already.")
        record_audit(actor=actor, workspace_id=campaign.model.workspace_id, verb="campaign.cancel", target=campaign)
    campaign.refresh_from_db()
    return campaign


def cancel_campaigns_of(model: RegisteredModel, actor: Actor) -> None:
    """Stop all that waits or trains for a model; one that starts meanwhile is stopped when it is claimed."""
    for campaign in TrainingCampaign.objects.filter(model=model, status__in=(Status.PENDING, Status.TRAINING)):
        with contextlib.suppress(Conflict):  # it ended at this moment
            cancel_campaign(campaign=campaign, actor=actor)


def reap_leases() -> int:
    """Take back campaigns whose run let its lease expire, or whose process on this machine is gone."""
    taken = 0
    for campaign in TrainingCampaign.objects.filter(status=Status.TRAINING):
        expired = campaign.lease_until is None or campaign.lease_until < clock.now()
        if expired or is_gone(campaign.owner):
            reason = "The worker that ran this training died."
            if lifecycle.give_back(campaign.pk, campaign.token, reason=reason, is_death=True, seen=campaign):
                remove_staging(campaign.pk, attempt=campaign.attempt)
                taken += 1
    return taken


def dispatch_pending() -> int:
    """Send again the pending campaigns whose message is late, taking workspaces in turn.

    Never more than makes one message a waiting campaign: behind a training of hours they would fill the broker.
    """
    queued = messages_in(settings.TRAINING_QUEUE)
    if queued is None:
        return 0
    pending = TrainingCampaign.objects.filter(status=Status.PENDING)
    room = min(pending.count() - queued, _SENT_AT_ONCE)
    if room <= 0:
        return 0
    late = pending.filter(Q(sent_at__isnull=True) | Q(sent_at__lt=clock.now() - _SENT_PATIENCE))
    rows = list(late.order_by("created_at").values_list("pk", "model__workspace_id")[:_LOOKED_AT])
    chosen = in_turn(rows)[:room]
    TrainingCampaign.objects.filter(pk__in=chosen).update(sent_at=clock.now())
    for campaign_id in chosen:
        send(campaign_id)
    return len(chosen)


def next_pending() -> UUID | None:
    """Return the campaign whose turn it is: the oldest of the workspace that has waited longest since its last start."""
    waiting = TrainingCampaign.objects.filter(status=Status.PENDING)
    oldest = waiting.order_by().values_list("model__workspace_id").annotate(Min("created_at"))
    running = TrainingCampaign.objects.exclude(started_at=None).order_by("-started_at")
    recent = list(running.values_list("model__workspace_id", flat=True)[:_STARTS_KEPT_IN_MIND])
    rank = {workspace: -place for place, workspace in reversed(list(enumerate(recent)))}
    turns = sorted((rank.get(workspace, -len(recent)), since, workspace) for workspace, since in oldest)
    if not turns:
        return None
    return waiting.filter(model__workspace_id=turns[0][2]).order_by("created_at").values_list("pk", flat=True).first()


def in_turn(rows: list[tuple[UUID, UUID]]) -> list[UUID]:
    """Return campaign ids so that each workspace comes once before any comes twice; rows are (campaign, workspace)."""
    place: dict[UUID, int] = {}
    keyed = []
    for index, (campaign_id, workspace_id) in enumerate(rows):
        place[workspace_id] = place.get(workspace_id, 0) + 1
        keyed.append((place[workspace_id], index, campaign_id))
    return [campaign_id for _, _, campaign_id in sorted(keyed)]
