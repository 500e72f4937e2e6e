"""Charts and numbers for the templates."""

import json
import shlex
from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.algorithms.choice import title_of
from apps.algorithms.schema import Task
from apps.core.errors import InvalidInput
from apps.dashboard import charts, words
from apps.dashboard.figures import NOTHING, cell, duration, entered, figure, moment, on_day, percent, size, span
from apps.dashboard.selectors import example_row
from apps.dashboard.words import KINDS, PARTS
from apps.registry.models import ModelVersion, RegisteredModel

register = template.Library()
register.filter(figure)
register.filter(percent)
register.filter(duration)
register.filter(cell)
register.filter(entered)
register.filter(size)
register.filter(moment, expects_localtime=True)
register.filter(on_day, expects_localtime=True)


@register.filter
def translated(text: str) -> str:
    """Return a text of the platform in the reader's language, as it is when there is no translation."""
    return words.translated(str(text)) if text else ""


register.filter(words.adds_up_to)
register.filter(words.class_word)


@register.filter
def kind_word(kind: str) -> str:
    """Name what a column holds."""
    return str(KINDS.get(kind, kind))


@register.filter
def step_word(name: str) -> str:
    """Name the step of a calendar."""
    return words.step_word(name)


@register.filter
def part_word(name: str) -> str:
    """Name a part of a forecast: one of the model's own, or a column."""
    return str(PARTS.get(name, name))


@register.filter
def algorithm_title(slug: str) -> str:
    """Name an algorithm, or the automatic choice; one that is no longer in the catalogue by its slug."""
    try:
        return _(title_of(slug))
    except InvalidInput:
        return slug


@register.filter
def lookup(mapping: Any, key: Any) -> Any:
    """Return an entry of a mapping, None when it is not there."""
    return mapping.get(key) if hasattr(mapping, "get") else None


@register.inclusion_tag("dashboard/_interval.html")
def interval(low: float | None, high: float | None, unit: str = "") -> dict[str, str]:
    """Write the interval of a number in brackets, of a share in percent by the unit "%"; nothing where there is none."""
    if low is None or high is None:
        return {"ends": ""}
    return {"ends": f"{percent(low)}{NOTHING}{percent(high)}" if unit == "%" else span(low, high)}


@register.simple_tag
def histogram(counts: list[int], title: str) -> SafeString:
    """Draw a column's histogram."""
    return charts.histogram(counts, title=title)


@register.simple_tag
def share_bar(part: float, whole: float, title: str, tone: str = "") -> SafeString:
    """Draw a part of a whole."""
    return charts.share_bar(part / whole if whole else 0.0, title=title, tone=tone)


@register.simple_tag
def signed_bar(value: float, largest: float, title: str) -> SafeString:
    """Draw a contribution."""
    return charts.signed_bar(value, largest, title=title)


@register.simple_tag
def curl_of(request: HttpRequest, model: RegisteredModel, version: ModelVersion) -> str:
    """Write the command that asks a model about a row of the data that it learned from."""
    address = request.build_absolute_uri(reverse("model-predict", args=[model.pk]))
    steps = version.evaluation.get("curves", {}).get("horizon", 1)
    asked = {"horizon": steps} if model.task == Task.FORECAST else {"data": [example_row(version)]}
    body = json.dumps(asked, ensure_ascii=False)
    headers = ' -H "Authorization: Bearer $KEY" \\\n     -H "Content-Type: application/json" \\\n'
    return f"curl{headers}     {address} \\\n     -d {shlex.quote(body)}"
