"""An algorithm's settings as form fields: shown with what was typed, read as the catalogue wants them."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext

from apps.algorithms import catalog
from apps.algorithms.choice import AUTO, Choice, automatic, choice_of
from apps.algorithms.hyperparameters import Hyperparameter
from apps.dashboard.figures import entered


@dataclass(frozen=True, slots=True)
class ParameterField:
    """One setting in a form; `live` is what the live version was trained with, where there is one."""

    name: str
    parameter: Hyperparameter
    value: Any
    faults: list[str]
    live: Any = None
    has_live: bool = False


def offered() -> list[Choice]:
    """Return what a model may be made with: the automatic choice, then each algorithm."""
    return [automatic(), *(choice_of(service.slug, service.tasks[0]) for service in catalog.entries())]


def chosen(slug: str, task: str) -> Choice | None:
    """Return what was chosen, whether it does the task or not; None where there is no such algorithm."""
    found = next((one for one in offered() if one.slug == slug), None)
    return choice_of(AUTO, task) if found and found.is_automatic and task in found.tasks else found


def field_name(choice: Choice, parameter: str) -> str:
    """Return the name of a setting's field: two algorithms may call a setting the same."""
    return f"{choice.slug}.{parameter}"


def parameter_title(choice: Choice | None, field: str) -> str:
    """Return what a setting's field is called on the page, "" for any other field."""
    titles = {field_name(choice, p.name): p.title for p in choice.hyperparameters} if choice else {}
    return gettext(titles[field]) if field in titles else ""


def parameter_fields(
    choice: Choice,
    given: QueryDict,
    *,
    faults: Mapping[str, list[str]],
    standing: Mapping[str, Any] | None = None,
    live: Mapping[str, Any] | None = None,
) -> list[ParameterField]:
    """Return the fields of an algorithm: what was typed, else what stands, else the default."""
    fields = []
    for parameter in choice.hyperparameters:
        name = field_name(choice, parameter.name)
        value = given.get(name, (standing or {}).get(parameter.name, parameter.default))
        known = live is not None and parameter.name in live
        now = live[parameter.name] if live is not None and known else None
        fields.append(ParameterField(name, parameter, typed(value), list(faults.get(name, ())), now, known))
    return fields


def parameters_given(choice: Choice, given: QueryDict) -> dict[str, Any]:
    """Return the settings that were sent, as numbers where they can be read as such; what cannot is refused by name."""
    found: dict[str, Any] = {}
    for parameter in choice.hyperparameters:
        text = given.get(field_name(choice, parameter.name))
        if text is not None:
            found[parameter.name] = parsed(parameter.kind, text.strip())
    return found


def changed(choice: Choice, given: Mapping[str, Any], standing: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are not as they stand, nor by default where none stands."""
    usual = {parameter.name: parameter.default for parameter in choice.hyperparameters}
    before = {name: list(value) if isinstance(value, tuple) else value for name, value in {**usual, **standing}.items()}
    return {name: value for name, value in given.items() if name not in before or value != before[name]}


def query_of(algorithm: str, parameters: Mapping[str, Any], **more: Any) -> str:
    """Return the query with which a form begins with these settings."""
    return urlencode({**{f"{algorithm}.{name}": entered(typed(value)) for name, value in parameters.items()}, **more})


def typed(value: Any) -> Any:
    """Return a value as one types it: nothing for none, several numbers with commas."""
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def parsed(kind: str, text: str) -> Any:
    """Return what was typed as its kind, None for nothing; what cannot be read so stays a text, to be refused by name."""
    if text == "":
        return None
    try:
        if kind == "integers":
            parts = re.split(r"[\s,;/]+", text)
            return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else text
        value = {"integer": int, "number": float}.get(kind, str)(text.replace(",", ".") if kind == "number" else text)
    except ValueError:
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value
