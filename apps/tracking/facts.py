"""What is told of a campaign, in MLflow's words: plain values that are the same whenever they are told again."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from apps.registry.models import ModelVersion, RegisteredModel
from apps.training.models import TrainingCampaign, TrainingEvent
from apps.training.selectors import points_of

# The tags by which our own things are found again on a server.
MODEL_TAG, CAMPAIGN_TAG, VERSION_TAG = "mlplatform.model", "mlplatform.campaign", "mlplatform.version"
_STATUS = {
    TrainingCampaign.Status.COMPLETED: "FINISHED",
    TrainingCampaign.Status.FAILED: "FAILED",
    TrainingCampaign.Status.CANCELLED: "KILLED",
}
# Bounds that servers since 2.0 keep; newer ones take more.
_LONGEST_KEY, _LONGEST_PARAM, _LONGEST_TAG, _LONGEST_NAME, _LONGEST_DIGEST = 200, 500, 5_000, 240, 36
_NO_KEY = re.compile(r"[^A-Za-z0-9_.\- ]")
_NO_MODEL_NAME = re.compile(r"[/:]")

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A campaign as a run."""

    name: str
    status: str
    start_time: int
    end_time: int
    params: list[Item]
    metrics: list[Item]
    tags: list[Item]
    dataset: Item


@dataclass(frozen=True, slots=True)
class VersionOfModel:
    """A version as MLflow's registry has it."""

    source: str
    description: str
    tags: list[Item]


def name_of(model: RegisteredModel, *, is_taken: bool = False) -> str:
    """Return what a model's experiment is called; with the beginning of its id where that name is somebody else's."""
    name = f"{model.workspace.slug}/{' '.join(model.name.split())}"[:_LONGEST_NAME]
    return f"{name} {str(model.pk)[:8]}" if is_taken else name


def registry_name(name: str) -> str:
    """Return what the registered model of an experiment is called: MLflow takes neither / nor : there."""
    return _NO_MODEL_NAME.sub(".", name)


def tags_of_model(model: RegisteredModel) -> list[Item]:
    """Return what experiment and registered model are marked with."""
    return _tags({MODEL_TAG: str(model.pk), "mlplatform.workspace": model.workspace.name, "mlplatform.task": model.task})


def run_of(campaign: TrainingCampaign) -> RunFacts:
    """Return what is told of an ended campaign. What may change later stands in tags: a parameter is written once."""
    version = campaign.version
    begin, end = campaign.started_at or campaign.created_at, campaign.finished_at or campaign.created_at
    numbers = {_key(name): value for name, value in campaign.metrics.items()}
    numbers |= {"duration_seconds": (end - begin).total_seconds(), "improvement": campaign.improvement}
    baseline = (version.baseline if version else {}).get("metrics", {})
    numbers |= {f"baseline/{_key(name)}": value for name, value in baseline.items()}
    curve = [one for point in points_of(campaign) for one in _of_point(point)]
    return RunFacts(
        name=campaign.name or (f"v{version.number}" if version else f"campaign {str(campaign.pk)[:8]}"),
        status=_STATUS[TrainingCampaign.Status(campaign.status)],
        start_time=_milliseconds(begin),
        end_time=_milliseconds(end),
        params=_params(campaign, version),
        metrics=[*_numbers(numbers, at=end, step=0), *curve],
        tags=_tags_of_run(campaign, version),
        dataset=_dataset(campaign),
    )


def version_of(version: ModelVersion) -> VersionOfModel:
    """Return what is told of a version; its source is an address of this platform, which MLflow loads nothing from."""
    place = f"/models/{version.model_id}/versions/{version.number}/"
    tags = {
        VERSION_TAG: str(version.number),
        "mlplatform.algorithm": version.algorithm,
        "mlplatform.manifest_sha256": version.manifest_sha256,
    }
    return VersionOfModel(
        source=f"{settings.PUBLIC_URL or 'mlplatform:'}{place}",
        description=f"Version {version.number} of {version.model.name}; its files are with mlplatform.",
        tags=_tags(tags),
    )


def _of_point(point: TrainingEvent) -> list[Item]:
    numbers = {f"curve/{_key(name)}": value for name, value in point.metrics.items()}
    return _numbers(numbers, at=point.at, step=point.step or 0)


def _numbers(values: Mapping[str, Any], *, at: datetime, step: int) -> list[Item]:
    """Return those that are finite numbers: JSON has no others."""
    return [
        {"key": name, "value": float(value), "timestamp": _milliseconds(at), "step": step}
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ]


def _params(campaign: TrainingCampaign, version: ModelVersion | None) -> list[Item]:
    chosen = version.parameters if version else campaign.parameters
    own = {"algorithm": (version.algorithm if version else campaign.algorithm) or "auto", "seed": campaign.seed}
    own |= {f"search.{name}": (campaign.search or {}).get(name) for name in ("seconds", "trials") if campaign.search}
    told = {**own, **chosen}
    return [{"key": _key(name), "value": _text(value)[:_LONGEST_PARAM]} for name, value in told.items()]


def _tags_of_run(campaign: TrainingCampaign, version: ModelVersion | None) -> list[Item]:
    data, model, user = campaign.dataset_version, campaign.model, campaign.created_by
    told = {
        "mlflow.user": user.get_username() if user else "mlplatform",
        "mlflow.source.name": "mlplatform",
        "mlflow.source.type": "JOB",
        "mlflow.note.content": campaign.error,
        CAMPAIGN_TAG: str(campaign.pk),
        MODEL_TAG: str(model.pk),
        VERSION_TAG: str(version.number) if version else "",
        "mlplatform.algorithm": version.algorithm if version else campaign.algorithm,
        "mlplatform.seed": str(campaign.seed),
        "mlplatform.task": model.task,
        "mlplatform.target": model.target,
        "mlplatform.features": _text(model.features) if model.features else "",
        "mlplatform.dataset": str(data.dataset_id),
        "mlplatform.dataset_version": str(data.number),
        "mlplatform.dataset_hash": _hash_of(campaign),
        "mlplatform.packages": _text(version.manifest.get("packages", {})) if version else "",
        "mlplatform.link": f"{settings.PUBLIC_URL}/campaigns/{campaign.pk}/" if settings.PUBLIC_URL else "",
    }
    return _tags(told)


def _dataset(campaign: TrainingCampaign) -> Item:
    """Return the data set as an input of the run."""
    data = campaign.dataset_version
    source = {"dataset": str(data.dataset_id), "version": data.number, "rows": data.rows}
    return {
        "name": f"{data.dataset.name} v{data.number}",
        "digest": (_hash_of(campaign) or str(data.pk))[:_LONGEST_DIGEST],
        "source_type": "mlplatform",
        "source": json.dumps(source),
    }


def _hash_of(campaign: TrainingCampaign) -> str:
    """Return the hash of what was learned from, as the manifest has it: an erasure changes that of the data set."""
    manifest = campaign.version.manifest if campaign.version else {}
    return str(manifest.get("data", {}).get("content_hash") or campaign.dataset_version.content_hash or "")


def _tags(told: Mapping[str, str]) -> list[Item]:
    return [{"key": name, "value": value[:_LONGEST_TAG]} for name, value in told.items() if value]


def _key(name: str) -> str:
    """Return a name in the letters that MLflow takes."""
    return _NO_KEY.sub("_", name).strip(". ")[:_LONGEST_KEY] or "_"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
