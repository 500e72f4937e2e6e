"""When a model is trained again by itself, what its challengers must gain, and what the gate said of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from apps.core.errors import PlatformError
from apps.core.permissions import Act
from apps.dashboard.pages.access import Visit, page
from apps.dashboard.pages.forms import PageForm, checked
from apps.dashboard.pages.models import find_model
from apps.dashboard.pages.parameters import ParameterField, parsed, typed
from apps.predictions.actions import start_split
from apps.predictions.models import TrafficSplit
from apps.registry.models import RegisteredModel
from apps.retraining.actions import approve, decline, end_comparison, set_policy, start_judgement
from apps.retraining.api.serializers import DeclineSerializer, TrafficSerializer
from apps.retraining.gate.margins import SETTINGS as OF_GATE
from apps.retraining.models import GateReport
from apps.retraining.selectors import policy_as_json
from apps.retraining.triggers import SETTINGS as OF_POLICY
from apps.workspaces.access import Actor

_CONDITIONS = (
    "mode", "window_days", "feedback", "negatives", "satisfaction", "drift", "realised_fall", "estimated_fall", "age_days",
    "new_rows",
)  # fmt: skip
_SWITCHES = ("is_enabled", "weekly")
_HELD_BACK = ("least_verdicts", "most_per_subject", "cooldown_hours", "per_month")
_AFTERWARDS = ("promotion", "watch_days")
_GATE = "gate."


class PolicyForm(PageForm):
    """A policy as fields: what was typed, else what stands, else the defaults."""

    labels = {
        **{one.name: gettext_lazy(one.title) for one in OF_POLICY},
        **{f"{_GATE}{one.name}": gettext_lazy(one.title) for one in OF_GATE},
    }

    def __init__(self, model: RegisteredModel, given: QueryDict) -> None:
        super().__init__()
        self.model = model
        self.given = given
        self.standing = policy_as_json(model) or {}

    def field_of(self, pointer: str) -> str:
        """Return the field that a pointer of the API means."""
        name = pointer.lstrip("/").replace("/", ".")
        return name if name in self.labels else ""

    def write(self, actor: Actor) -> bool:
        """Set the policy, or say what is wrong with it."""
        gate = {
            one.name: self._given(f"{_GATE}{one.name}", one.kind) for one in OF_GATE if f"{_GATE}{one.name}" in self.given
        }
        asked = {one.name: self._given(one.name, one.kind) for one in OF_POLICY if one.name in self.given}
        asked |= {one.name: one.value for one in self.switches}
        try:
            set_policy(model=self.model, settings={**asked, "gate": gate}, actor=actor)
        except PlatformError as error:
            self.refuse(error)
        return not self.faults

    def _given(self, name: str, kind: str) -> Any:
        return parsed(kind, self.given.get(name, "").strip())

    @property
    def switches(self) -> list[ParameterField]:
        """What is either on or off: a form that was sent names those that are on."""
        fields = self._fields(_SWITCHES)
        return [replace(one, value=one.name in self.given) for one in fields] if self.given else fields

    @property
    def conditions(self) -> list[ParameterField]:
        """What makes a retraining due."""
        return self._fields(_CONDITIONS)

    @property
    def held_back(self) -> list[ParameterField]:
        """What keeps retrainings few."""
        return self._fields(_HELD_BACK)

    @property
    def afterwards(self) -> list[ParameterField]:
        """What becomes of the version."""
        return self._fields(_AFTERWARDS)

    @property
    def gate(self) -> list[ParameterField]:
        """What a challenger must gain and may lose."""
        return [
            self._field(f"{_GATE}{one.name}", one, self.standing.get("gate", {}).get(one.name, one.default))
            for one in OF_GATE
        ]

    def _fields(self, names: tuple[str, ...]) -> list[ParameterField]:
        known: Mapping[str, Any] = {one.name: one for one in OF_POLICY}
        return [self._field(name, known[name], self.standing.get(name, known[name].default)) for name in names]

    def _field(self, name: str, of: Any, standing: Any) -> ParameterField:
        return ParameterField(name, of, typed(self.given.get(name, standing)), self.faults.get(name, []))


@page
def policy(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Show a model's policy, and set it."""
    model = find_model(visit, pk)
    visit.require(Act.TRAIN, model.workspace_id)
    form = PolicyForm(model, visit.request.POST)
    if visit.request.method == "POST" and form.write(visit.access.actor):
        messages.success(visit.request, _("The policy is set."))
        return redirect("dashboard:watch", pk=pk)
    return visit.render("policy.html", 422 if form.faults else 200, model=model, form=form)


@require_POST
@page
def judge(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Ask the gate about the challenger."""
    model = find_model(visit, pk)
    visit.require(Act.TRAIN, model.workspace_id)
    with visit.showing_refusals():
        start_judgement(model=model, actor=visit.access.actor)
        messages.success(visit.request, _("The gate was asked. Load this page again in a moment."))
    return redirect("dashboard:watch", pk=pk)


@require_POST
@page
def share_traffic(visit: Visit, pk: UUID) -> HttpResponseBase:
    """Have the challenger share the traffic or answer in the shadow, or end that."""
    model = find_model(visit, pk)
    visit.require(Act.PROMOTE, model.workspace_id)
    sent = visit.request.POST
    with visit.showing_refusals():
        if "end" in sent:
            compared = TrafficSplit.objects.select_related("model", "champion__model", "challenger__model")
            if open_one := compared.filter(model=model, ended_at__isnull=True).first():
                end_comparison(split=open_one, actor=visit.access.actor)
            messages.success(visit.request, _("The comparison is ended: the champion answers everything."))
        else:
            posted = {name: sent.get(name, "") for name in ("mode", "on_win") if name in sent}
            posted["share"] = sent.get("share", "").replace(",", ".") or "0.1"
            start_split(model=model, actor=visit.access.actor, **checked(TrafficSerializer(data=posted)))
            messages.success(visit.request, _("The comparison has begun. How it stands is told here as labels come."))
    return redirect("dashboard:watch", pk=pk)


@require_POST
@page
def approve_challenger(visit: Visit, pk: UUID, report_id: UUID) -> HttpResponseBase:
    """Promote a challenger that passed the gate and waits."""
    model = find_model(visit, pk)
    visit.require(Act.PROMOTE, model.workspace_id)
    report = _judgement(model, report_id)
    with visit.showing_refusals():
        approve(report=report, actor=visit.access.actor)
        messages.success(visit.request, _("Version {number} is live.").format(number=report.challenger.number))
    return redirect("dashboard:watch", pk=pk)


@require_POST
@page
def decline_challenger(visit: Visit, pk: UUID, report_id: UUID) -> HttpResponseBase:
    """Leave the champion live though its challenger passed the gate and waits."""
    model = find_model(visit, pk)
    visit.require(Act.PROMOTE, model.workspace_id)
    report = _judgement(model, report_id)
    with visit.showing_refusals():
        given = checked(DeclineSerializer(data={"reason": visit.request.POST.get("reason", "")}))
        decline(report=report, actor=visit.access.actor, reason=given["reason"])
        messages.success(visit.request, _("Version {number} is declined.").format(number=report.challenger.number))
    return redirect("dashboard:watch", pk=pk)


def _judgement(model: RegisteredModel, report_id: UUID) -> GateReport:
    found: GateReport = get_object_or_404(
        GateReport.objects.select_related("model", "champion", "challenger"), pk=report_id, model=model
    )
    return found
