"""Whether the live version became worse, or better: its labels one by one, as they became known."""

from datetime import datetime
from typing import Any

from apps.alerts.actions import end_alerts, raise_alert
from apps.alerts.models import Kind
from apps.feedback.selectors import is_right_or_wrong, label_stream
from apps.monitoring.detectors.finding import share, shown
from apps.monitoring.engine.stream import Change, Watch
from apps.monitoring.models import DriftReport
from apps.monitoring.selectors import last_completed
from apps.registry.models import Alias
from apps.registry.selectors import open_span

MOST_LABELS = 10_000  # the latest
_MOST_CHANGES = 20


def performance_of(report: DriftReport) -> dict[str, Any]:
    """Return what the labels of the live version tell since it went live; empty where there are none.

    Where there are more labels than are looked at, the changes that were found before stay, and only what came after is added.
    """
    span = open_span(report.model_id, Alias.Name.CHAMPION)
    since = span.since if span is not None and span.version_id == report.version_id else report.version.created_at
    stream = label_stream(report.version, since=since, most=MOST_LABELS)
    if not stream.outcomes:
        return {}
    are_shares = is_right_or_wrong(report.model)
    errors = [1.0 - one for one in stream.outcomes] if are_shares else stream.outcomes
    watch = Watch(are_errors=are_shares)
    found = [change for error in errors if (change := watch.add(error)) is not None]
    changes = [_told(change, stream.before, stream.known_at, are_shares=are_shares) for change in found]
    if stream.before:
        changes = _continued(_told_before(report, since), changes)
    return {
        "labels": stream.before + len(errors),
        "measure": "error_rate" if are_shares else "mae",
        "changes": changes[-_MOST_CHANGES:],
    }


def _told_before(report: DriftReport, since: datetime) -> list[dict[str, Any]]:
    """Return the changes that the check before told of, of labels since the version went live."""
    before = last_completed(report.version, but=report.pk)
    told = before.performance.get("changes", []) if before else []
    return [one for one in told if _time(one, "at") >= since]


def _continued(told: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what was told, and of what is found now that which came after; the same change may now be seen a little later."""
    changes = list(told)
    for one in found:
        if changes:
            last = changes[-1]
            is_same = one["is_worse"] == last["is_worse"] and _time(one, "at") <= _time(last, "seen_at")
            if is_same or _time(one, "seen_at") <= _time(last, "seen_at"):
                continue
        changes.append(one)
    return changes


def _time(change: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(change[name])


def _told(change: Change, before: int, known_at: list[datetime], *, are_shares: bool) -> dict[str, Any]:
    at, seen = known_at[change.at], known_at[change.found_at]
    label, seen_label = before + change.at + 1, before + change.found_at + 1
    if are_shares:
        then, now = share(change.before), share(change.after)
        sentence = f"Performance changed at label {label} on {at:%Y-%m-%d}: the share of errors went from {then} to {now}."
    else:
        then, now = shown(change.before), shown(change.after)
        sentence = f"Performance changed at label {label} on {at:%Y-%m-%d}: the mean error went from {then} to {now}."
    return {
        "at_label": label,
        "at": at.isoformat(),
        "seen_label": seen_label,
        "seen_at": seen.isoformat(),
        "before": change.before,
        "after": change.after,
        "is_worse": change.after > change.before,
        "sentence": sentence,
    }


def alert_of_performance(report: DriftReport, performance: dict[str, Any]) -> None:
    """Tell that the live version became worse, once for each change; or that it no longer is, in the caller's transaction."""
    model, changes = report.model, performance.get("changes", [])
    key = f"performance:{model.pk}"
    if not changes or not changes[-1]["is_worse"]:
        end_alerts(keys=[key], workspace_id=model.workspace_id)
        return
    last, before = changes[-1], last_completed(report.version, but=report.pk)
    told = before.performance.get("changes", []) if before else []
    if told and told[-1]["seen_at"] >= last["seen_at"]:
        return
    raise_alert(
        workspace_id=model.workspace_id,
        kind=Kind.PERFORMANCE,
        key=key,
        title=f"The performance of {model.name} fell.",
        sentence=last["sentence"],
        details={"report": str(report.pk), "version": report.version.number, "change": last},
        model_id=model.pk,
        model_name=model.name,
        is_lasting=True,
    )
