"""Rules that hide detections known to be harmless: what they say, what they hid; trainers make and delete them."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from apps.core.errors import PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page, workspace_page
from apps.dashboard.pages.forms import PageForm, checked, page_of, turn_to_the_form_s_workspace
from apps.dashboard.pages.parameters import parsed
from apps.detections.actions import delete_suppression, make_suppression
from apps.detections.api.serializers import SuppressionSerializer
from apps.detections.models import Detection, SuppressionRule
from apps.detections.selectors import columns_of, counted_rules, local_zone
from apps.registry.models import RegisteredModel

_MOST_MODELS = 100
_ROWS = 3  # conditions that the form takes; the API takes more
_HOWS = {
    "is": gettext_lazy("is"),
    "least": gettext_lazy("is at least"),
    "most": gettext_lazy("is at most"),
    "empty": gettext_lazy("is empty"),
}
_NUMBERS = ("number", "integer")
_NUMBERED = re.compile(r"^Condition \d+: ")


@dataclass(frozen=True, slots=True)
class ConditionField:
    """One condition as fields: what was typed."""

    place: int
    column: str
    how: str
    value: str
    faults: list[str]


class SuppressionForm(PageForm):
    """A new rule as fields."""

    labels = {
        **{f"condition-{place}": gettext_lazy("Conditions") for place in range(_ROWS)},
        "least_score": gettext_lazy("From which score on"),
        "most_score": gettext_lazy("Up to which score"),
        "reason": gettext_lazy("Why it is harmless"),
        "until": gettext_lazy("Until when"),
    }
    hows = _HOWS

    def __init__(self, model: RegisteredModel, given: QueryDict) -> None:
        super().__init__()
        self.model = model
        self.kinds = columns_of(model) or {}
        self.given = {name: given.get(name, "").strip() for name in ("least_score", "most_score", "reason", "until")}
        self.typed = [
            (given.get(f"column-{n}", ""), given.get(f"how-{n}", ""), given.get(f"value-{n}", "").strip())
            for n in range(_ROWS)
        ]
        self.places = [n for n, (column, _how, _value) in enumerate(self.typed) if column]  # those that were filled in

    def field_of(self, pointer: str) -> str:
        """Return the field that a pointer of the API means: of a condition, the line that it was typed in."""
        name, _slash, rest = pointer.lstrip("/").partition("/")
        if name != "conditions":
            return name if name in self.labels else ""
        place = rest.partition("/")[0]
        is_known = place.isdecimal() and int(place) < len(self.places)
        return f"condition-{self.places[int(place)] if is_known else 0}"

    @property
    def conditions(self) -> list[ConditionField]:
        """The lines of conditions."""
        return [ConditionField(n, *typed, self.faults.get(f"condition-{n}", [])) for n, typed in enumerate(self.typed)]

    def say(self, field: str, text: str) -> None:
        """Add a fault to a field; the line that it stands at says which condition is meant."""
        super().say(field, _NUMBERED.sub("", text))

    def write(self, visit: Visit) -> bool:
        """Make the rule, or say what is wrong with it."""
        for place in self.places:
            if self.typed[place][1] != "empty" and not self.typed[place][2]:
                self.say(f"condition-{place}", _("Give a value, or choose that the column is empty."))
        if self.faults:
            return False
        scores = {name: parsed("number", self.given[name]) for name in ("least_score", "most_score")}
        asked = {"conditions": [self._condition(n) for n in self.places], "reason": self.given["reason"], **scores}
        try:
            fields = checked(SuppressionSerializer(data={**asked, "until": self._until()}))
            make_suppression(model=self.model, fields=fields, actor=visit.access.actor)
        except PlatformError as error:
            self.refuse(error)
        return not self.faults

    def _condition(self, place: int) -> dict[str, Any]:
        column, how, typed = self.typed[place]
        value = self._value(column, typed)
        if how in {"least", "most"}:
            return {"column": column, "between": [value, None] if how == "least" else [None, value]}
        return {"column": column, "equals": None if how == "empty" else value}

    def _value(self, column: str, typed: str) -> Any:
        kind = self.kinds.get(column)
        if kind in _NUMBERS:
            return parsed("number", typed)
        if kind == "boolean":
            known = {"true": True, "false": False, _("true"): True, _("false"): False}
            return known.get(typed.lower(), typed)
        return typed

    def _until(self) -> Any:
        """Return the end in the zone that people mean; what cannot be read stays a text, to be refused by name."""
        try:
            read = parse_datetime(self.given["until"])
        except ValueError:
            read = None
        if read is None:
            return self.given["until"] or None
        return timezone.make_aware(read, local_zone()).isoformat() if timezone.is_naive(read) else read.isoformat()


@workspace_page
def suppressions(visit: Visit) -> HttpResponseBase:
    """Show the rules of a model, or of all, with what each hid; a POST makes one."""
    is_sent = visit.request.method == "POST"
    if is_sent:
        visit.require(Act.TRAIN, turn_to_the_form_s_workspace(visit))
    models = _models(visit)
    model = _chosen(visit, models)
    if is_sent and model is None:
        raise Http404
    form = SuppressionForm(model, visit.request.POST) if model and visit.may(Act.TRAIN) else None
    if is_sent and form and form.write(visit):
        messages.success(visit.request, _("The rule is made. It hides what is found from now on."))
        return redirect(_address(form.model))
    shown = page_of(visit, counted_rules(visit.workspace_ids, model=model))
    rules = [{"of": rule, "conditions": [_said(one) for one in rule.conditions]} for rule in shown]
    faults = 422 if form and form.faults else 200
    return visit.render("suppressions.html", faults, models=models, model=model, form=form, shown=shown, rules=rules)


@require_POST
@page
def delete_rule(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Delete a rule; what it hid stays hidden."""
    rules = SuppressionRule.objects.select_related("model").in_workspaces(visit.access.workspace_ids)
    rule = rules.filter(pk=pk, model__archived_at__isnull=True).first()
    if rule is None:
        raise Http404
    visit.turn_to(rule.model.workspace_id)
    visit.require(Act.TRAIN, rule.model.workspace_id)
    delete_suppression(rule=rule, actor=visit.access.actor)
    messages.success(visit.request, _("The rule is deleted. What it hid stays hidden."))
    return redirect(_address(rule.model))


def _models(visit: Visit) -> list[RegisteredModel]:
    """Return the models that something was found of, or that have a rule, by name."""
    some = Q(Exists(Detection.objects.filter(model=OuterRef("pk")))) | Q(
        Exists(SuppressionRule.objects.filter(model=OuterRef("pk")))
    )
    return list(_live(visit).filter(some).order_by("name")[:_MOST_MODELS])


def _chosen(visit: Visit, models: list[RegisteredModel]) -> RegisteredModel | None:
    """Return the model that the form or the address names; the only one where there is one."""
    asked = visit.request.POST.get("model") or visit.request.GET.get("model")
    if not asked:
        return models[0] if len(models) == 1 else None
    try:
        return _live(visit).filter(pk=UUID(asked)).first()
    except ValueError:
        return None


def _live(visit: Visit) -> QuerySet[RegisteredModel]:
    found: QuerySet[RegisteredModel] = RegisteredModel.objects.in_workspaces(visit.workspace_ids)
    return found.filter(archived_at__isnull=True)


def _address(model: RegisteredModel) -> str:
    return f"{reverse('dashboard:suppressions')}?model={model.pk}"


def _said(stored: dict[str, Any]) -> dict[str, Any]:
    """Return a stored condition as the page says it: a column, and its relations to values."""
    if "between" in stored:
        ends = zip(("least", "most"), stored["between"], strict=True)
        parts = [(_HOWS[how], [end]) for how, end in ends if end is not None]
    else:
        values = stored["in"] if "in" in stored else [stored["equals"]]
        parts = [(_HOWS["empty"], [])] if values == [None] else [(_HOWS["is"], values)]
    return {"column": stored["column"], "parts": parts}
