"""The JSON keys of the first retraining scripts and their RETRAIN_ variables, which its users have in their files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from apps.algorithms.hyperparameters import Hyperparameter
from apps.retraining.triggers import checked

_SEED = (
    Hyperparameter("days_back", "integer", 30, "Days of verdicts", low=1, high=3650),
    Hyperparameter("min_feedback", "integer", 100, "Verdicts at least", low=1, high=999_999),
    Hyperparameter("min_negative_feedback", "integer", 20, "Negative verdicts at least", low=1, high=999_999),
    Hyperparameter("min_positive_rate", "number", 0.7, "Share of positive verdicts below", low=0, high=1),
    Hyperparameter("epochs", "integer", None, "Epochs", low=1, high=99_999, nullable=True),
    Hyperparameter("learning_rate", "number", None, "Learning rate", low=0, high=1, nullable=True),
    Hyperparameter("cleanup", "boolean", True, "Remove old versions"),
    Hyperparameter("log_level", "choice", "INFO", "Log level", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
    Hyperparameter("force_retrain", "boolean", False, "Retrain whatever the conditions say"),
)
_LIMITS = {
    "days_back": "window_days",
    "min_feedback": "feedback",
    "min_negative_feedback": "negatives",
    "min_positive_rate": "satisfaction",
}
_VARIABLES = {f"RETRAIN_{one.name.upper()}".replace("NEGATIVE_FEEDBACK", "NEGATIVE"): one.name for one in _SEED}


@dataclass(frozen=True)
class SeedRun:
    """What a configuration of the first retraining scripts says besides its policy; None where it leaves it to the model."""

    epochs: int | None
    learning_rate: float | None
    cleanup: bool
    log_level: str
    force: bool


def limits_of_seed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits that such a configuration gives, by the names of `Policy`; a JSON key goes before its variable."""
    read = _read_seed(config)
    given = {_VARIABLES.get(name, name) for name in config}
    return {own: read[name] for name, own in _LIMITS.items() if name in given}


def run_of_seed(config: Mapping[str, Any]) -> SeedRun:
    """Read the rest of such a configuration."""
    read = _read_seed(config)
    return SeedRun(*(read[name] for name in ("epochs", "learning_rate", "cleanup", "log_level", "force_retrain")))


def _read_seed(config: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {one.name: one for one in _SEED}
    variables = tuple(replace(kinds[key], name=variable) for variable, key in _VARIABLES.items())
    typed = {name: _typed(value) if name in _VARIABLES else value for name, value in config.items()}
    read = checked((*_SEED, *variables), typed)
    set_by_variable = {key: read[variable] for variable, key in _VARIABLES.items() if variable in config}
    return {key: read[key] if key in config else set_by_variable.get(key, read[key]) for key in kinds}


def _typed(text: Any) -> Any:
    """Read the text of a variable; what is no number and neither true nor false stays text."""
    try:
        return json.loads(text.lower()) if isinstance(text, str) else text
    except ValueError:
        return text
