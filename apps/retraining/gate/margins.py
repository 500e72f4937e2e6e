"""What a challenger must gain, and what it may lose."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from apps.algorithms.hyperparameters import Hyperparameter
from apps.retraining.triggers import checked

SETTINGS = (
    Hyperparameter("gain", "number", 0.02, "Gain to be sure of", low=-0.1, high=1),
    Hyperparameter("slice_loss", "number", 0.02, "May be lost on a slice", low=0, high=1),
    Hyperparameter("calibration_loss", "number", 0.02, "May be lost in calibration", low=0, high=1),
    Hyperparameter("latency_ratio", "number", 1.5, "Times as slow", low=0.1, high=100, nullable=True),
    Hyperparameter("size_ratio", "number", 2.0, "Times as large", low=0.1, high=100, nullable=True),
    Hyperparameter("confidence", "number", 0.95, "Confidence", low=0.8, high=0.999),
    Hyperparameter("rows", "integer", 100, "Rows kept apart at least", low=20, high=999_999),
)


@dataclass(frozen=True)
class Margins:
    """What a challenger must gain and may lose; None where latency or size do not count. All but the ratios are shares."""

    gain: float = 0.02
    slice_loss: float = 0.02
    calibration_loss: float = 0.02
    latency_ratio: float | None = 1.5
    size_ratio: float | None = 2.0
    confidence: float = 0.95
    rows: int = 100

    def __post_init__(self) -> None:
        checked(SETTINGS, asdict(self))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read margins; what is not given is as by default."""
        return cls(**checked(SETTINGS, stored))

    def as_json(self) -> dict[str, Any]:
        """Return every setting."""
        return asdict(self)
