"""A version's signed account of itself: what it was made from, how it scored, and the checksum of every file."""

import hashlib
import json
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
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
        "baseline": {"name": facts.baseline.name, "metrics": _finite(facts.baseline.metrics)},
        "packages": {"python": platform.python_version(), **facts.packages},
        "files": checksums,
    }


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def canonical_bytes(manifest: dict[str, Any]) -> bytes:
    """Return a manifest as it is written to its file; hash and signature are of these bytes and of nothing else."""
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_of(written: bytes) -> str:
    """Return the SHA-256 of a written manifest."""
    return hashlib.sha256(written).hexdigest()


def sign(written: bytes, *, key: str | bytes | None = None) -> str:
    """Return the HMAC-SHA256 of a written manifest, under the platform's present key unless another is given."""
    return salted_hmac(_SALT, written, secret=key, algorithm="sha256").hexdigest()


def is_signed_by_us(written: bytes, signature: str) -> bool:
    """Say whether a signature is ours, by the present key or one before it (`SECRET_KEY_FALLBACKS`)."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(constant_time_compare(sign(written, key=key), signature) for key in keys)


def says_the_same(one: Any, other: Any) -> bool:
    """Compare two manifests as JSON values: a database may write the number 1e+16 as 10000000000000000."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(says_the_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(says_the_same, one, other))
    if isinstance(one, float) or isinstance(other, float):
        return _is_number(one) and _is_number(other) and float(one) == float(other)
    return type(one) is type(other) and bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
