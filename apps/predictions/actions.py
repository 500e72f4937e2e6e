"""Verbs on predictions: answer rows, explain them, score a whole data set."""

import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.algorithms.results import Answers, Explanation
from apps.algorithms.schema import ColumnKind, TableSchema, Task
from apps.core import clock
from apps.core.artifacts import ArtifactDamaged, remove_folder
from apps.core.broker import tell
from apps.core.errors import Conflict, InvalidInput, Problem, Throttled, TooLarge
from apps.core.instance import may_sweep
from apps.datasets.models import DatasetVersion
from apps.predictions.cache import Loaded, champions, open_split, predictors, unit_of
from apps.predictions.metrics import count_prediction
from apps.predictions.models import BatchPrediction, PredictionLog, TrafficSplit
from apps.predictions.recorder import recorder
from apps.predictions.selectors import results_folder, unfinished_batches
from apps.registry.models import Alias, ModelVersion, RegisteredModel
from apps.registry.selectors import champion_id_of, champion_of, version_now
from apps.workspaces import subjects
from apps.workspaces.access import Actor
from apps.workspaces.actions import record_audit
from apps.workspaces.models import Workspace

logger = logging.getLogger(__name__)
EXPLAIN_MAX_ROWS = 200
LONGEST_SUBJECT = 200
SPLIT_TASKS = (Task.CLASSIFICATION, Task.REGRESSION, Task.ANOMALY)
_NUMBERS = frozenset({ColumnKind.INTEGER, ColumnKind.NUMBER})
_TEXTS = frozenset({ColumnKind.CATEGORY, ColumnKind.TEXT})
_TIMES = frozenset({ColumnKind.DATE, ColumnKind.DATETIME, *_TEXTS})  # a text may be a date: its rows will tell
_TAKES = {  # by what the model learned from: its name, and what may stand in its place
    ColumnKind.INTEGER: ("numbers", _NUMBERS),
    ColumnKind.NUMBER: ("numbers", _NUMBERS),
    ColumnKind.BOOLEAN: ("true or false", frozenset({ColumnKind.BOOLEAN})),
    ColumnKind.DATE: ("dates", _TIMES),
    ColumnKind.DATETIME: ("dates", _TIMES),
    ColumnKind.CATEGORY: ("texts", _TEXTS),
    ColumnKind.TEXT: ("texts", _TEXTS),
}
_GRACE_SECONDS = 24 * 3600
_LONGEST_COLUMN = 100  # of a name that is written down
_PASSED_ON = {  # why a challenger leaves a request to the champion, by the fault that it found
    "missing_column": "the column {column} is missing",
    "unknown_column": "it has no column {column}",
    "wrong_type": "the column {column} holds another kind of values",
}


@dataclass(frozen=True, slots=True)
class Predicted:
    """The answer to one request, by one version."""

    id: UUID
    model_id: UUID
    version: int
    predictions: list[Any]
    details: list[dict[str, Any]]

    @property
    def prediction_ids(self) -> list[str]:
        """Ids of the single predictions, good for feedback at once."""
        entry = self.id.hex
        return [f"{entry}-{i}" for i in range(len(self.predictions))]

    def as_json(self) -> dict[str, Any]:
        """Return the answer as the API gives it."""
        return {
            "predictions": self.predictions,
            "model": self.model_id,
            "version": self.version,
            "prediction_ids": self.prediction_ids,
            "details": self.details,
        }


@dataclass(frozen=True, slots=True)
class Ahead:
    """How many steps of a forecast are asked for, and of which series; None: as far as it was measured, and of all."""

    horizon: Any = None
    series: Any = None


_AS_MEASURED = Ahead()


def predict(*, model_id: UUID, rows: Any, actor: Actor, ahead: Ahead = _AS_MEASURED, subject: Any = None) -> Predicted:
    """Answer rows with the champion, or with the challenger that shares its traffic; the log entry is written behind."""
    loaded, passed_on, beside = serving_predictor(model_id, rows=rows, subject=subject)
    rows, all_rows = without_columns_beyond(loaded, beside, rows), rows
    try:
        return predict_with(
            loaded, model_id=model_id, rows=rows, actor=actor, ahead=ahead, subject=subject, passed_on=passed_on
        )
    except InvalidInput as error:
        champion = live_predictor(model_id)
        if champion.version_id == loaded.version_id:
            raise
        why, rows = why_passed_on(error.problems), without_columns_beyond(champion, loaded, all_rows)
        return predict_with(champion, model_id=model_id, rows=rows, actor=actor, ahead=ahead, subject=subject, passed_on=why)


def predict_with(
    loaded: Loaded,
    *,
    model_id: UUID,
    rows: Any,
    actor: Actor,
    ahead: Ahead = _AS_MEASURED,
    subject: str | None = None,
    passed_on: str = "",
) -> Predicted:
    """Answer rows with one version; the log entry is written behind, or before the answer when the log has no room.

    The rows of a forecast extend what it knows; None are none. What is logged is what each answer is of, under a
    pseudonym of the subject it is for. `passed_on` says why the challenger, whose turn it was, did not answer.
    """
    done, entry = _answer(loaded, model_id=model_id, rows=rows, actor=actor, ahead=ahead, subject=subject)
    entry.passed_on = passed_on
    recorder.record(entry)
    _count(entry, loaded)
    return done


def predict_in_memory(
    loaded: Loaded, *, model_id: UUID, rows: Any, actor: Actor, subject: str | None = None
) -> Predicted | None:
    """Answer rows without touching the database; None when the log has no room for the entry."""
    if not recorder.has_room():
        return None
    done, entry = _answer(loaded, model_id=model_id, rows=rows, actor=actor, subject=subject)
    if not recorder.offer(entry):
        return None
    _count(entry, loaded)
    return done


def _count(entry: PredictionLog, loaded: Loaded) -> None:
    count_prediction(
        model_id=entry.model_id,
        version_id=loaded.version_id,
        number=loaded.number,
        rows=entry.row_count,
        seconds=entry.milliseconds / 1e3,
    )


def _answer(
    loaded: Loaded, *, model_id: UUID, rows: Any, actor: Actor, ahead: Ahead = _AS_MEASURED, subject: str | None = None
) -> tuple[Predicted, PredictionLog]:
    began = time.perf_counter()
    if loaded.forecaster is None:
        checked = checked_rows(rows, most=settings.PREDICT_MAX_ROWS)
        answers = loaded.predictor.predict(checked)
    else:
        posted = checked_rows(rows, most=settings.PREDICT_MAX_ROWS) if rows else []
        answers = loaded.forecaster.forecast(rows=posted, **_checked_ahead(ahead))
        checked = answers.asked or []
    entry = PredictionLog(
        id=uuid.uuid4(),
        model_id=model_id,
        version_id=loaded.version_id,
        at=clock.now(),
        row_count=len(checked),
        rows=checked if loaded.subjects is None else loaded.subjects.hidden(checked),
        predictions=answers.values,
        details=answers.details,
        milliseconds=(time.perf_counter() - began) * 1e3,
        user_id=actor.user_id,
        subject=subjects.pseudonym(loaded.workspace_id, subject),
    )
    return Predicted(entry.pk, model_id, loaded.number, answers.values, answers.details), entry


def _checked_ahead(ahead: Ahead) -> dict[str, Any]:
    """Return what is asked ahead if the series are a list of names; the horizon is the forecaster's to check."""
    if ahead.series is not None and not (isinstance(ahead.series, list) and all(isinstance(n, str) for n in ahead.series)):
        text = 'Name series as a list of texts, such as ["north", "south"].'
        raise InvalidInput(text, [Problem("/series", "not_a_list", text)])
    return {"horizon": ahead.horizon, "series": ahead.series}


def explain_with(loaded: Loaded, rows: Any, ahead: Ahead = _AS_MEASURED) -> tuple[list[Explanation], Answers]:
    """Return one version's explanations and answers."""
    if loaded.forecaster is not None:
        posted = checked_rows(rows, most=settings.PREDICT_MAX_ROWS) if rows else []
        answers = loaded.forecaster.forecast(rows=posted, **_checked_ahead(ahead))
        if len(answers.values) > EXPLAIN_MAX_ROWS:
            raise TooLarge(
                f"These are {len(answers.values)} forecasts; at most {EXPLAIN_MAX_ROWS} are explained at once. Give a shorter "
                "horizon, or name some of the series."
            )
        return loaded.forecaster.explain(posted, **_checked_ahead(ahead)), answers
    if isinstance(rows, list) and len(rows) > EXPLAIN_MAX_ROWS:
        raise TooLarge(
            f"{len(rows)} rows were sent; at most {EXPLAIN_MAX_ROWS} are explained at once. Send them in portions."
        )
    checked = checked_rows(rows, most=EXPLAIN_MAX_ROWS)
    return loaded.predictor.explain(checked), loaded.predictor.predict(checked)


def checked_rows(rows: Any, *, most: int) -> list[dict[str, Any]]:
    """Return rows if they are a list that is not empty and not too long."""
    if not isinstance(rows, list):
        text = 'Send {"data": [{column: value, …}, …]}: a list of rows.'
        raise InvalidInput(text, [Problem("/data", "not_a_list", text)])
    if not rows:
        raise InvalidInput("There is no row to predict.", [Problem("/data", "empty", "Send at least one row.")])
    if len(rows) > most:
        raise TooLarge(
            f"{len(rows)} rows were sent; at most {most} are answered at once. Send them in portions, or as a batch prediction."
        )
    return rows


def live_predictor(model_id: UUID) -> Loaded:
    """Return the champion's predictor; refuse with the way out when there is none or its files are damaged."""
    version_id = champion_id_of(model_id)
    if version_id is None:
        raise Conflict(
            "The model has no trained version yet. POST a dataset to its train/ route, and wait for the campaign to complete."
        )
    return predictor_of(version_id)


def is_subject(given: Any) -> bool:
    """Say whether this can be the subject of a request."""
    return isinstance(given, str) and len(given) <= LONGEST_SUBJECT and subjects.is_subject(given)


def serving_predictor(model_id: UUID, *, rows: Any, subject: Any = None) -> tuple[Loaded, str, Loaded | None]:
    """Return the predictor that answers this request: the champion's, or its challenger's while both share the traffic.

    A challenger that cannot be loaded or does not take these rows hurts nobody: the champion answers. Why it does stands beside, and the
    challenger where it is the champion's turn.
    """
    if subject is not None and not is_subject(subject):
        text = f"The subject is a text of 1 to {LONGEST_SUBJECT} characters, without signs that nobody sees."
        raise InvalidInput(text, [Problem("/subject", "bad_subject", text)])
    champion = live_predictor(model_id)
    split = open_split(model_id, champion.version_id)
    if split is None:
        return champion, "", None
    takes = split.takes(unit_of(rows, subject))
    try:
        challenger = predictors.get(split.challenger_id)
    except ArtifactDamaged as error:
        logger.warning("The challenger %s does not answer its share: %s", split.challenger_id, error.detail)
        return champion, "its files cannot be read" if takes else "", None
    return (challenger, "", None) if takes else (champion, "", challenger)


def without_columns_beyond(champion: Loaded, challenger: Loaded | None, rows: Any) -> Any:
    """Return rows without the columns that only the challenger knows: who compares the two sends what either of them reads."""
    if challenger is None or not isinstance(rows, list):
        return rows
    own, more = (
        {one.name for one in (*s.columns, *s.unused)} for s in (champion.predictor.schema, challenger.predictor.schema)
    )
    beyond = more - own
    if not beyond:
        return rows
    return [
        {name: value for name, value in row.items() if name not in beyond} if isinstance(row, dict) else row for row in rows
    ]


def why_passed_on(problems: Sequence[Problem]) -> str:
    """Say why a version did not take rows: by the column, never by what stands in it."""
    missing = [one for one in problems if one.code == "missing_column"]
    first = next(iter([*missing, *problems]), None)
    if first is None or first.code not in _PASSED_ON:
        return "it does not take such rows"
    column = first.pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")[:_LONGEST_COLUMN]
    return _PASSED_ON[first.code].format(column=repr(column))


@transaction.atomic
def start_split(*, model: RegisteredModel, actor: Actor, **asked: Any) -> TrafficSplit:
    """Compare the challenger with the champion on live requests; `asked` are fields of `TrafficSplit`."""
    if model.task not in SPLIT_TASKS:
        raise Conflict("Only models whose answers labels can prove right or wrong share their traffic with a challenger.")
    locked = RegisteredModel.objects.select_for_update().get(pk=model.pk)
    champion, challenger = champion_of(locked), version_now(locked, Alias.Name.CHALLENGER)
    if champion is None or challenger is None:
        raise Conflict("There is no challenger to share the traffic with: train another version first.")
    if TrafficSplit.objects.filter(model=locked, ended_at__isnull=True).exists():
        raise Conflict("Champion and challenger are compared already. End that comparison first.")
    split: TrafficSplit = TrafficSplit.objects.create(
        model=locked, champion=champion, challenger=challenger, began_at=clock.now(), created_by_id=actor.user_id, **asked
    )
    champions.forget_with_commit(locked.pk)
    details = {"mode": split.mode, "share": split.share, "champion": champion.number, "challenger": challenger.number}
    record_audit(actor=actor, workspace_id=locked.workspace_id, verb="traffic.start", target=split, details=details)
    return split


@transaction.atomic
def end_split(
    *, split: TrafficSplit, actor: Actor, standing: Mapping[str, Any] | None = None, so_far: Mapping[str, Any] | None = None
) -> bool:
    """End a comparison: the champion answers everything again; False when it had ended before."""
    kept = {"standing": standing, "so_far": so_far}
    facts = {"ended_at": clock.now(), **{name: dict(told) for name, told in kept.items() if told is not None}}
    if not TrafficSplit.objects.filter(pk=split.pk, ended_at__isnull=True).update(**facts):
        return False
    champions.forget_with_commit(split.model_id)
    details = {"why": (standing or {}).get("sentence", "")}
    record_audit(actor=actor, workspace_id=split.model.workspace_id, verb="traffic.end", target=split, details=details)
    return True


def predictor_of(version_id: UUID) -> Loaded:
    """Return a version's predictor; refuse with the way out when its files are damaged."""
    try:
        return predictors.get(version_id)
    except ArtifactDamaged as error:
        logger.error("Version %s cannot be loaded: %s", version_id, error.detail)  # noqa: TRY400  (the words suffice)
        raise ArtifactDamaged(
            f"The live version cannot answer: {error.detail} Roll the model back, or train it again.", retry_after=60
        ) from error


@transaction.atomic
def start_batch(*, model: RegisteredModel, dataset_version: DatasetVersion, actor: Actor) -> BatchPrediction:
    """Queue predictions for every row of a data set by the present champion."""
    champion = champion_of(model)
    if champion is None:
        raise Conflict("The model has no trained version yet.")
    if model.task == Task.FORECAST:
        raise Conflict("A forecast is of what comes next, not of a data set's rows. Ask predict/ for a horizon instead.")
    if dataset_version.status != DatasetVersion.Status.READY:
        raise Conflict(f"The data set is {dataset_version.status}; it can be scored once it is ready.")
    _check_columns(champion, dataset_version)
    # Two requests at once must not both take the last place.
    Workspace.objects.select_for_update().get(pk=model.workspace_id)
    unfinished = unfinished_batches(model.workspace_id)
    if unfinished >= settings.BATCH_MAX_UNFINISHED:
        raise Throttled(f"{unfinished} batches of this workspace wait or run already. Wait for some to end.", retry_after=60)
    batch: BatchPrediction = BatchPrediction.objects.create(
        model=model, version=champion, dataset_version=dataset_version, created_by_id=actor.user_id
    )
    details = {"dataset_version": str(dataset_version.pk), "version": champion.number}
    record_audit(actor=actor, workspace_id=model.workspace_id, verb="batch.start", target=batch, details=details)
    transaction.on_commit(lambda: send_batch(batch.pk))
    return batch


def _check_columns(version: ModelVersion, data: DatasetVersion) -> None:
    """Refuse data that lacks a column which the version reads, or holds another kind of values in it."""
    profile = {column["name"]: column for column in data.columns}
    problems = []
    for column in TableSchema.from_json(version.schema).columns:
        if column.name not in profile:
            text = f"The data set has no column {column.name!r}, which the model needs."
            problems.append(Problem("/dataset", "missing_column", text))
            continue
        held, is_empty = ColumnKind(profile[column.name]["dtype"]), profile[column.name].get("missing") == data.rows
        wanted, taken = _TAKES[column.kind]
        if held not in taken and not is_empty:
            text = f"The column {column.name!r} holds {_TAKES[held][0]}; the model learned from {wanted}."
            problems.append(Problem("/dataset", "wrong_type", text))
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InvalidInput(f"{problems[0].detail}{more}", problems)


def send_batch(batch_id: UUID) -> None:
    """Tell the broker that a batch waits; when it is down, the dispatcher tells it later."""
    from apps.predictions.tasks import run_batch

    tell(run_batch, batch_id)


def sweep_results() -> list[str]:
    """Remove results that no batch names and that are older than a day: a run died while it wrote them."""
    if not may_sweep(Path(settings.DATASETS_DIR)) or not results_folder().is_dir():
        return []
    paths = BatchPrediction.objects.exclude(result_path="").values_list("result_path", flat=True)
    kept = {Path(path).parts[1].removesuffix(".parquet") for path in paths}
    limit, removed = time.time() - _GRACE_SECONDS, []
    for found in results_folder().iterdir():
        name = found.name if found.is_dir() else found.stem
        if name not in kept and found.stat().st_mtime < limit:
            logger.info("Removing %s, which no batch names.", found)
            remove_folder(found) if found.is_dir() else found.unlink(missing_ok=True)
            removed.append(found.name)
    return removed
