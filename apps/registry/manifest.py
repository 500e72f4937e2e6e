"""A version's signed account of itself: what it was made from, how it scored, and the checksum of every file."""

import hashlib
import json
import platform
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.crypto import constant_time_compare, salted_hmac

from apps.algorithms.results import Baseline, Importance
from apps.algorithms.schema import TableSchema
from apps.core.artifacts import Checksums
from apps.datasets.models import DatasetVersion

_SALT = "apps.registry.manifest"


@dataclass(frozen=True)
class VersionFacts:
    """Everything a training tells the registry about the version it made."""

    dataset_version: DatasetVersion
    algorithm: str
    parameters: dict[str, Any]
    seed: int
    schema: TableSchema
    metrics: dict[str, float]
    main_metric: str
    greater_is_better: bool
    baseline: Baseline
    importance: Importance
    evaluation: dict[str, Any] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    trained_seconds: float = 0.0


def build_manifest(
    *, facts: VersionFacts, model_id: UUID, campaign_id: UUID, number: int, checksums: Checksums
) -> dict[str, Any]:
    """Return the manifest as plain JSON."""
    data = facts.dataset_version
    return {
        "format": 1,
        "model": str(model_id),
        "version": number,
        "campaign": str(campaign_id),
        "data": {"dataset_version": str(data.pk), "content_hash": data.content_hash, "rows": data.rows},
        "algorithm": facts.algorithm,
        "parameters": facts.parameters,
        "seed": facts.seed,
        "schema": facts.schema.as_json(),
        "metrics": facts.metrics,
        "main_metric": facts.main_metric,
        "baseline": {"name": facts.baseline.name, "metrics": dict(facts.baseline.metrics)},
        "packages": {"python": platform.python_version(), **facts.packages},
        "files": checksums,
    }


def canonical_bytes(manifest: dict[str, Any]) -> bytes:
    """Return the one way to write a manifest, which its hash and signature are of."""
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(manifest: dict[str, Any]) -> str:
    """Return the SHA-256 of a manifest."""
    return hashlib.sha256(canonical_bytes(manifest)).hexdigest()


def sign(manifest: dict[str, Any]) -> str:
    """Return the HMAC-SHA256 of a manifest under the platform's secret key."""
    return salted_hmac(_SALT, canonical_bytes(manifest), algorithm="sha256").hexdigest()


def is_signed_by_us(manifest: dict[str, Any], signature: str) -> bool:
    """Say whether a signature is ours, in constant time."""
    return constant_time_compare(sign(manifest), signature)
