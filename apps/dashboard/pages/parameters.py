"""An algorithm's settings as form fields: shown with what was typed, read as the catalogue wants them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext

from apps.algorithms.base import BaseMLService
from apps.algorithms.hyperparameters import Hyperparameter

Service = type[BaseMLService]


@dataclass(frozen=True, slots=True)
class ParameterField:
    """One setting in a form; `live` is what the live version was trained with, where there is one."""

    name: str
    parameter: Hyperparameter
    value: Any
    faults: list[str]
    live: Any = None
    has_live: bool = False


def field_name(service: Service, parameter: str) -> str:
    """Return the name of a setting's field: two algorithms may call a setting the same."""
    return f"{service.slug}.{parameter}"


def parameter_title(service: Service | None, field: str) -> str:
    """Return what a setting's field is called on the page, "" for any other field."""
    titles = {field_name(service, p.name): p.title for p in service.hyperparameters} if service else {}
    return gettext(titles[field]) if field in titles else ""


def parameter_fields(
    service: Service,
    given: QueryDict,
    *,
    faults: Mapping[str, list[str]],
    standing: Mapping[str, Any] | None = None,
    live: Mapping[str, Any] | None = None,
) -> list[ParameterField]:
    """Return the fields of an algorithm: what was typed, else what stands, else the default."""
    fields = []
    for parameter in service.hyperparameters:
        name = field_name(service, parameter.name)
        value = given.get(name, (standing or {}).get(parameter.name, parameter.default))
        known = live is not None and parameter.name in live
        now = live[parameter.name] if live is not None and known else None
        shown = "" if value is None else _typed(value)
        fields.append(ParameterField(name, parameter, shown, list(faults.get(name, ())), now, known))
    return fields


def parameters_given(service: Service, given: QueryDict) -> dict[str, Any]:
    """Return the settings that were sent, as numbers where they can be read as such; what cannot is refused by name."""
    chosen: dict[str, Any] = {}
    for parameter in service.hyperparameters:
        text = given.get(field_name(service, parameter.name))
        if text is not None:
            chosen[parameter.name] = _parsed(parameter.kind, text.strip())
    return chosen


def _typed(value: Any) -> Any:
    """Return a value as one types it: several numbers with commas."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _parsed(kind: str, text: str) -> Any:
    if text == "":
        return None
    if kind == "integers":
        parts = re.split(r"[\s,;/]+", text)
        return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else text
    try:
        value = {"integer": int, "number": float}.get(kind, str)(text.replace(",", ".") if kind == "number" else text)
    except ValueError:
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value
