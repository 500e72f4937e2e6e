"""What people are told of retraining, the gate and comparisons on live requests, as alerts."""

from apps.alerts.actions import end_alerts, raise_alert
from apps.alerts.models import Kind, Severity
from apps.predictions.models import TrafficSplit
from apps.registry.models import RegisteredModel
from apps.retraining.models import GateReport

Outcome = GateReport.Outcome
_PASSED = (Outcome.PROMOTED, Outcome.WAITING, Outcome.ADVISED, Outcome.OVERTAKEN)


def tell_of_verdict(report: GateReport, outcome: str, reason: str) -> None:
    """Tell what became of a challenger that a policy had trained."""
    number = report.challenger.number
    titles = {
        Outcome.PROMOTED: f"Version {number} of {report.model.name} passed the gate and is live.",
        Outcome.WAITING: f"Version {number} of {report.model.name} passed the gate and waits for approval.",
        Outcome.ADVISED: f"Version {number} of {report.model.name} passed the gate: promote it by hand.",
        Outcome.OVERTAKEN: f"Version {number} of {report.model.name} was overtaken by another promotion.",
        Outcome.KEPT: f"Version {number} of {report.model.name} was refused by the gate.",
    }
    kind = Kind.GATE_PROMOTED if outcome in _PASSED else Kind.GATE_REFUSED
    severity = Severity.WARNING if outcome in (Outcome.WAITING, Outcome.ADVISED) else None  # somebody is waited for
    title = titles[Outcome(outcome)]
    _tell(report.model, kind, f"gate:{report.challenger_id}", title, reason, str(report.pk), severity)


def end_waiting(report: GateReport) -> None:
    """Note that nobody is waited for any more: it was approved, declined or overtaken."""
    end_alerts(keys=[f"gate:{report.challenger_id}"], workspace_id=report.model.workspace_id)


def tell_of_failure(report: GateReport, reason: str) -> None:
    """Tell that a challenger that a policy had trained could not be judged."""
    title = f"Version {report.challenger.number} of {report.model.name} could not be judged."
    _tell(report.model, Kind.GATE_REFUSED, f"gate:{report.challenger_id}", title, reason, str(report.pk))


def tell_of_no_training(model: RegisteredModel, reason: str, source: str) -> None:
    """Tell that a retraining was decided on and could not begin."""
    title = f"The retraining of {model.name} could not begin."
    _tell(model, Kind.TRAINING_FAILED, f"retraining:{model.pk}", title, reason, source)


def tell_of_rollback(report: GateReport, reason: str) -> None:
    """Tell that a promotion was taken back."""
    title = f"Version {report.challenger.number} of {report.model.name} was rolled back."
    _tell(report.model, Kind.ROLLED_BACK, f"rollback:{report.challenger_id}", title, reason, str(report.pk))


def tell_of_failed_rollback(report: GateReport, reason: str) -> None:
    """Tell that a promotion which labels show to be worse could not be taken back."""
    title = f"Version {report.challenger.number} of {report.model.name} is surely worse, and could not be rolled back."
    _tell(report.model, Kind.ROLLED_BACK, f"failed rollback:{report.challenger_id}", title, reason, str(report.pk))


def tell_of_traffic(split: TrafficSplit, reason: str, *, has_won: bool, is_live: bool) -> None:
    """Tell that a comparison on live requests has a winner, or cannot go on."""
    name, number = split.model.name, split.challenger.number
    title = f"The comparison of {name} on live requests is over."
    if is_live:
        title = f"Version {number} of {name} won on live requests and is live."
    elif has_won:
        title = f"Version {number} of {name} won on live requests: promote it by hand."
    kind = Kind.GATE_PROMOTED if has_won else Kind.GATE_REFUSED
    severity = Severity.WARNING if has_won and not is_live else None  # somebody is waited for
    _tell(split.model, kind, f"traffic:{split.pk}", title, reason, str(split.pk), severity)


def _tell(
    model: RegisteredModel, kind: str, key: str, title: str, sentence: str, source: str, severity: str | None = None
) -> None:
    raise_alert(
        workspace_id=model.workspace_id, kind=kind, key=key, title=title, sentence=sentence, details={"source": source},
        model_id=model.pk, model_name=model.name, severity=severity,
    )  # fmt: skip
