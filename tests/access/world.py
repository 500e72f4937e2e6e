"""Two workspaces with one real object of each kind: what an access test asks for, and what strangers must not see."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.alerts.actions import create_channel, raise_alert
from apps.alerts.models import Alert, Channel
from apps.core.permissions import Role, Scope
from apps.datasets import lifecycle as checks
from apps.datasets.actions import register_upload
from apps.datasets.engine import check
from apps.datasets.models import DatasetVersion
from apps.detections import actions as detections
from apps.detections.engine import collecting, counting, explaining
from apps.detections.models import Detection, SuppressionRule
from apps.feedback.actions import Verdict, give_feedback
from apps.feedback.label_files import take_file
from apps.feedback.models import FeedbackSample, LabelFile
from apps.feedback.sampling import keep_sample
from apps.monitoring.actions import start_check
from apps.monitoring.engine import checking
from apps.monitoring.lifecycle import checks as checks_of_drift
from apps.monitoring.models import DriftReport
from apps.predictions import actions as predictions
from apps.predictions import engine as batches
from apps.predictions import lifecycle as batch_runs
from apps.predictions.models import BatchPrediction, PredictionLog, TrafficSplit
from apps.predictions.recorder import recorder
from apps.privacy import engine as privacy
from apps.privacy.actions import request_count, request_erasure, request_export, set_retention
from apps.privacy.lifecycle import claim as claim_request
from apps.privacy.models import SubjectRequest
from apps.registry.actions import create_model
from apps.registry.models import RegisteredModel
from apps.retraining import engine as judging
from apps.retraining.actions import retrain_if_due, set_policy, start_judgement
from apps.retraining.lifecycle import judgements
from apps.retraining.models import GateReport
from apps.tracking.models import TrackedModel, TrackedRun
from apps.training import lifecycle
from apps.training.actions import start_campaign
from apps.training.engine import training as engine
from apps.training.models import TrainingCampaign
from apps.workspaces.access import SYSTEM, Actor
from apps.workspaces.actions import issue_key, revoke_key
from apps.workspaces.models import ApiKey, Membership, Workspace
from tests.cast import Cast, make_cast
from tests.journeys.tables import as_csv, invoices

MARK = "zq-secret"  # every text in acme carries it: no stranger's answer may
MARKUP = "\"'></script><zq-x>"  # would end an attribute or a script, and begin an element of its own
HOSTILE = f"{MARK} {MARKUP}"
ROWS = [{**row, f"{MARKUP} column": MARKUP if row["days"] % 2 else "plain"} for row in invoices(120, seed=3)]


@dataclass(frozen=True)
class Things:
    """One object of each kind in one workspace."""

    workspace: Workspace
    version: DatasetVersion
    model: RegisteredModel
    campaign: TrainingCampaign
    batch: BatchPrediction
    drift: DriftReport
    gate: GateReport
    traffic: TrafficSplit
    detection: Detection
    suppression: SuppressionRule
    export: SubjectRequest
    erasure: SubjectRequest
    sample: FeedbackSample
    labels: LabelFile
    prediction: str
    key: ApiKey
    member: Membership
    alert: Alert
    channel: Channel


@dataclass(frozen=True)
class World:
    """The cast, what acme and rival own, and a clear key of everybody."""

    cast: Cast
    acme: Things
    rival: Things
    keys: dict[str, str]
    revoked: str


def make_world() -> World:
    """Build the world; what it trains is really trained, in this process."""
    cast = make_cast()
    Workspace.objects.filter(pk=cast.acme.pk).update(name=f"{HOSTILE} workspace")
    cast.acme.refresh_from_db()
    User.objects.filter(pk=cast.viewer.pk).update(first_name=HOSTILE, last_name=HOSTILE, email=f"{HOSTILE}@example.org")
    acme = make_things(cast.acme, holder=cast.viewer, mark=HOSTILE)
    rival = make_things(cast.rival, holder=cast.stranger, mark="rival")
    people: dict[str, User] = {name: getattr(cast, name) for name in [*Role.values, "stranger"]}
    keys = {name: _key(user) for name, user in people.items()}
    dead, revoked = issue_key(user=cast.owner, workspace=None, name="dead", scope=Scope.ADMIN, actor=SYSTEM)
    revoke_key(key=dead, actor=SYSTEM)
    return World(cast=cast, acme=acme, rival=rival, keys=keys, revoked=revoked)


def _key(user: User) -> str:
    return issue_key(user=user, workspace=None, name="key in use", scope=Scope.ADMIN, actor=SYSTEM)[1]


def make_things(workspace: Workspace, *, holder: User, mark: str) -> Things:
    """Build one object of each kind: a model of two versions, a finished batch, a campaign that waits."""
    version = _uploaded(workspace, mark)
    model = create_model(
        workspace=workspace, actor=SYSTEM, name=f"{mark} model", description=f"{mark} words", algorithm="random_forest",
        task="classification", target="late", parameters={"n_estimators": 10, "max_depth": 3}, domain=f"{mark} domain",
    )  # fmt: skip
    for seed in (1, 2):
        _trained(model, version, seed)
    alerts = {"is_on": True, "labels": ["yes", "no"], "least_score": None}
    detections.set_rule(model=model, settings=alerts, actor=SYSTEM)
    done = predictions.predict(model_id=model.pk, rows=[without_target(ROWS[0])], actor=SYSTEM)
    recorder.flush()
    assert PredictionLog.objects.filter(pk=done.id).exists()
    verdict = Verdict(f"{done.id.hex}-0", correct=False, label=f"{mark} label", subject="clerk-17")
    corrected = Verdict(f"{done.id.hex}-0", correct=False, subject="clerk-17")
    for said in (corrected, verdict):
        give_feedback(model=model, verdict=said, source="api", actor=Actor(user_id=holder.pk))
    set_retention(workspace=workspace, days={"sample_days": 90}, actor=SYSTEM)
    waiting = start_campaign(model=model, dataset_version=version, actor=SYSTEM, name=f"{mark} campaign")
    key, _clear = issue_key(user=holder, workspace=workspace, name=f"{mark} key", scope=Scope.READ, actor=SYSTEM)
    member = Membership.objects.select_related("user").get(workspace=workspace, user=holder)
    batch = _scored(model, version)
    drift = _checked(model)
    detection, suppression = _detected(model, holder, mark)
    _tracked(model)
    set_policy(model=model, settings={}, actor=SYSTEM)
    gate = _judged(model)
    traffic = predictions.start_split(model=model, actor=SYSTEM, mode="shadow")
    retrain_if_due(model=model, origin="person", actor=Actor(user_id=holder.pk))
    sample = keep_sample(
        model=model, prediction=f"{done.id.hex}-0", upload=None, consent=True, subject=f"clerk-17 {mark}", actor=SYSTEM
    )
    export, erasure = _handed_out_and_erased(workspace)
    labels = take_file(model=model, upload=as_file(b"prediction,label\n", f"{mark}.csv".replace("/", "")), actor=SYSTEM)
    alert, channel = _alerted(workspace, model, mark)
    return Things(
        workspace=workspace,
        version=version,
        model=model,
        campaign=waiting,
        batch=batch,
        drift=drift,
        gate=gate,
        traffic=traffic,
        detection=detection,
        suppression=suppression,
        export=export,
        erasure=erasure,
        sample=sample,
        labels=labels,
        alert=alert,
        channel=channel,
        prediction=f"{done.id.hex}-0",
        key=key,
        member=member,
    )


def _alerted(workspace: Workspace, model: RegisteredModel, mark: str) -> tuple[Alert, Channel]:
    fields = {"name": f"{mark} channel", "address": "https://hooks.invalid/zq-url", "least_severity": "info"}
    channel = create_channel(workspace=workspace, kind="webhook", fields=fields, actor=SYSTEM).channel
    alert = raise_alert(
        workspace_id=workspace.pk, kind="training_failed", key=f"training_failed:{model.pk}", sentence=f"{mark} words",
        title=f"The training of {mark} model failed.", model_id=model.pk, model_name=model.name, details={"note": mark},
    )  # fmt: skip
    return alert, channel


def without_target(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "late"}


def as_file(content: bytes | None = None, name: str = "rows.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content or as_csv(ROWS), content_type="text/csv")


def _uploaded(workspace: Workspace, mark: str) -> DatasetVersion:
    upload = as_file(name=f"{mark}.csv".replace("/", ""))
    version = register_upload(workspace=workspace, dataset=None, name=f"{mark} data", upload=upload, actor=SYSTEM)
    token = checks.claim(version.pk)
    assert token is not None
    with _connection_kept():
        check(version.pk, token)
    version.refresh_from_db()
    assert version.status == "ready", version.problems
    return version


def _trained(model: RegisteredModel, version: DatasetVersion, seed: int) -> None:
    campaign = start_campaign(model=model, dataset_version=version, actor=SYSTEM, seed=seed)
    claim = lifecycle.claim(campaign.pk, {})
    assert claim is not None
    with _connection_kept():
        engine.run(campaign.pk, claim.token, claim.attempt)
    campaign.refresh_from_db()
    assert campaign.status == "completed", campaign.error


def _scored(model: RegisteredModel, version: DatasetVersion) -> BatchPrediction:
    batch = predictions.start_batch(model=model, dataset_version=version, actor=SYSTEM)
    token = batch_runs.claim(batch.pk)
    assert token is not None
    with _connection_kept():
        batches.score(batch.pk, token)
    batch.refresh_from_db()
    assert batch.status == "completed", batch.error
    return batch


def _checked(model: RegisteredModel) -> DriftReport:
    report = start_check(model=model, actor=SYSTEM)
    token = checks_of_drift.claim(report.pk)
    assert token is not None
    checking.check(report.pk, token)
    report.refresh_from_db()
    assert report.status == "completed", report.error
    return report


def _tracked(model: RegisteredModel) -> None:
    """Let a model look as if it had been sent to an MLflow server."""
    server = "http://mlflow.example:5000"
    TrackedModel.objects.create(server=server, model=model, name=f"there/{model.name}"[:250])
    TrackedRun.objects.create(server=server, campaign=model.campaigns.earliest("created_at"), run_id="zq-run")


def _detected(model: RegisteredModel, holder: User, mark: str) -> tuple[Detection, SuppressionRule]:
    collecting.collect()
    explaining.explain()
    found = Detection.objects.get(model=model)
    reviewer = Actor(user_id=holder.pk)
    reviewed = detections.review(detection=found, status="confirmed", note=f"{mark} note", was="new", actor=reviewer)
    counting.count_hours()
    fields = {"conditions": [], "least_score": 0.1, "most_score": None, "reason": f"{mark} reason", "until": None}
    return reviewed, detections.make_suppression(model=model, fields=fields, actor=reviewer)


def _handed_out_and_erased(workspace: Workspace) -> tuple[SubjectRequest, SubjectRequest]:
    """Hand out what there is of somebody, and erase somebody of whom there is nothing."""
    counted = _done(request_count(workspace=workspace, subject="nobody-at-all", actor=SYSTEM))
    erasure = request_erasure(workspace=workspace, subject="nobody-at-all", counted=counted.pk, actor=SYSTEM)
    return _done(request_export(workspace=workspace, subject="clerk-17", actor=SYSTEM)), _done(erasure)


def _done(found: SubjectRequest) -> SubjectRequest:
    token = claim_request(found.pk)
    assert token is not None
    privacy.work(found.pk, token)
    found.refresh_from_db()
    assert found.status == "completed", found.error
    return found


@contextlib.contextmanager
def _connection_kept() -> Iterator[None]:
    """Let a training not close the connection whose transaction holds the world."""
    with mock.patch.object(engine, "close_old_connections", return_value=None):
        yield


def _judged(model: RegisteredModel) -> GateReport:
    report = start_judgement(model=model, actor=SYSTEM)
    token = judgements.claim(report.pk)
    assert token is not None
    with _connection_kept():
        judging.judge(report.pk, token)
    report.refresh_from_db()
    assert (report.status, report.outcome) == ("completed", "kept"), report.error
    return report
