"""What a search has tried: the leaderboard of a campaign, its charts, and what is told of it with a version."""

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.algorithms.choice import AUTO, choice_of
from apps.algorithms.hyperparameters import Hyperparameter, Range
from apps.core.errors import InvalidInput
from apps.dashboard import search_charts
from apps.dashboard.figures import figure, spread
from apps.dashboard.pages.parameters import query_of
from apps.dashboard.pages.searching import times, written
from apps.dashboard.search_charts import Axis, Trace
from apps.dashboard.selectors import hyperparameters_of, named_parameters
from apps.dashboard.templatetags.dashboard_charts import algorithm_title
from apps.dashboard.words import METRICS, TRIAL_STATUSES, TRIALS_BY_STATUS, translated
from apps.registry.models import ModelVersion
from apps.training.actions import trials_to_take_over
from apps.training.models import TrainingCampaign, Trial
from apps.training.selectors import leaderboard_of, spread_of

_SHOWN, _FOLDED = 10, 90  # rows of the leaderboard: at once, and folded away
_LEAST_DRAWN, _MOST_DRAWN = 3, 200  # trials of an algorithm in one chart
_LETTERS = re.compile(r"\(([a-z]?[A-Z]{3,})\)$")

Status = Trial.Status
_DRAWN = (Status.COMPLETED, Status.PRUNED)


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One line of the leaderboard; `rank` is None for a trial that did not go to its end, whose score is of the folds done."""

    trial: Trial
    rank: int | None
    word: str
    score: float | None
    spread: str
    settings: Sequence[tuple[str, Any]]
    is_best: bool
    train_with: str  # what asks the page that trains again for these settings


def search_of(campaign: TrainingCampaign) -> dict[str, Any]:
    """Return what the page of a campaign shows of its search; nothing where it searches nothing."""
    if campaign.search is None:
        return {}
    ranked = leaderboard_of(campaign)
    rows = _rows(campaign, ranked[: _SHOWN + _FOLDED])
    metric = next((one.metric for one in ranked if one.metric), "")
    measure = str(METRICS.get(metric, metric))
    return {
        "seconds": written(campaign.search["seconds"]),
        "spent": min(campaign.search_spent, campaign.search["seconds"]),
        "most_trials": campaign.search["trials"],
        "continues": campaign.search["continues"],
        "taken_over": sum(one.started_at is not None and one.started_at < campaign.created_at for one in ranked),
        "to_take_over": _to_take_over(campaign) if campaign.finished_at else 0,
        "warnings": campaign.version.evaluation.get("search", {}).get("warnings", []) if campaign.version else [],
        "is_automatic": campaign.model.algorithm == AUTO,
        "trials": len(ranked),
        "counts": said_of_counts(Counter(str(one.status) for one in ranked)),
        "metric": measure,
        "measure": _short(measure),
        "rows": rows[:_SHOWN],
        "folded": rows[_SHOWN:],
        "unseen": max(0, len(ranked) - _SHOWN - _FOLDED),
        "drawings": _drawings(ranked, _short(measure)),
        "times": times(),
    }


def _to_take_over(campaign: TrainingCampaign) -> int:
    """Count the trials that a search would go on from; none where the algorithm is gone."""
    try:
        return len(trials_to_take_over(campaign))
    except InvalidInput:
        return 0


def asked_of(campaign: TrainingCampaign) -> dict[str, Any]:
    """Return the parameters that a campaign was asked for: of a search those that it does not choose by itself."""
    if campaign.search is None:
        return dict(campaign.parameters)
    try:
        declared = choice_of(campaign.model.algorithm, campaign.model.task).hyperparameters
    except InvalidInput:
        return dict(campaign.parameters)
    kept = {parameter.name for parameter in declared if parameter.search is None} | campaign.search["held"].keys()
    return {name: value for name, value in campaign.parameters.items() if name in kept}


def found_of(version: ModelVersion) -> dict[str, Any]:
    """Return how a search has found the settings of a version; nothing where there was none."""
    told = version.evaluation.get("search")
    if not told:
        return {}
    return {
        **told,
        "counts": said_of_counts(told),
        "leaderboard": [{**row, "varies": _spread(row["score"], row["spread"])} for row in told["leaderboard"]],
        "metric": _short(str(METRICS.get(told.get("metric", ""), told.get("metric", "")))),
    }


def said_of_counts(counts: dict[str, Any]) -> str:
    """Say how many trials are in which state."""
    found = [
        (status, counts.get(status, 0)) for status in ("completed", "pruned", "failed", "running", "waiting", "cancelled")
    ]
    return ", ".join(
        f"{figure(count)} {(TRIAL_STATUSES if count == 1 else TRIALS_BY_STATUS)[status]}" for status, count in found if count
    )


def _short(measure: str) -> str:
    """Return what a metric is called for short: its letters in brackets, where it has some."""
    found = _LETTERS.search(measure)
    return found[1] if found else measure


def _rows(campaign: TrainingCampaign, ranked: Sequence[Trial]) -> list[TrialRow]:
    best = campaign.version.evaluation.get("search", {}).get("number") if campaign.version else None
    if best is None:
        best = next((one.number for one in ranked if one.status == Status.COMPLETED), None)
    rows = []
    for rank, trial in enumerate(ranked, start=1):
        is_done = trial.status == Status.COMPLETED
        rows.append(
            TrialRow(
                trial=trial,
                rank=rank if is_done else None,
                word=str(TRIAL_STATUSES[trial.status]),
                score=_score(trial),
                spread=_spread(trial.score, spread_of(trial)),
                settings=named_parameters(trial.algorithm, trial.searched),
                is_best=trial.number == best,
                train_with=_train_with(campaign, trial) if is_done else "",
            )
        )
    return rows


def _spread(score: float | None, varies: float | None) -> str:
    return "" if score is None or varies is None else spread(varies, score)


def _score(trial: Trial) -> float | None:
    """Return a trial's score; where it was stopped, the mean of the folds done."""
    return statistics.fmean(trial.scores) if trial.score is None and trial.scores else trial.score


def _train_with(campaign: TrainingCampaign, trial: Trial) -> str:
    """Return the query that fills the form of the page that trains again; nothing where the algorithm is to be chosen."""
    if campaign.model.algorithm == AUTO:
        return ""
    return query_of(trial.algorithm, trial.parameters, dataset=campaign.dataset_version_id, seed=campaign.seed)


def _drawings(ranked: Sequence[Trial], metric: str) -> list[dict[str, Any]]:
    """Return a chart for each algorithm with enough trials that have a score, the best algorithm first."""
    drawn = []
    for algorithm in dict.fromkeys(one.algorithm for one in ranked):
        scored = [one for one in ranked if one.algorithm == algorithm and one.scores and one.status in _DRAWN]
        searched = {name for one in scored for name in one.searched}
        settings = [one for one in hyperparameters_of(algorithm) if one.name in searched]
        if len(scored) >= _LEAST_DRAWN and settings:
            title = algorithm_title(algorithm)
            chart = _chart(scored[:_MOST_DRAWN], settings, metric, title)
            drawn.append({"title": title, "chart": chart})
    return drawn


def _chart(trials: Sequence[Trial], settings: Sequence[Hyperparameter], metric: str, title: str) -> Any:
    axes = [_axis(setting, [one.searched.get(setting.name) for one in trials]) for setting in settings]
    done = [one for one in trials if one.status == Status.COMPLETED]
    scores = [score for one in done or trials if (score := _score(one)) is not None]  # one that was stopped may lie far off
    is_smaller_better = not trials[0].greater_is_better
    axes.append(search_charts.numbers(metric, min(scores), max(scores), is_upside_down=is_smaller_better))
    best, others = len(search_charts.TONES) - 1, max(1, len(done) - 1)
    tones = {one.pk: best - round(best * place / others) for place, one in enumerate(done)}
    traces = [
        Trace([*(one.searched.get(setting.name) for setting in settings), _score(one)], tones.get(one.pk), _said_of(one))
        for one in reversed(trials)  # what is better lies on top
    ]
    said = _("Settings and scores of the trials: %(title)s") % {"title": title}
    return search_charts.parallel(axes, traces, title=said)


def _said_of(trial: Trial) -> str:
    settings = "; ".join(f"{title} {figure(value)}" for title, value in named_parameters(trial.algorithm, trial.searched))
    return f"{figure(_score(trial))} \u00b7 {settings}"


def _axis(setting: Hyperparameter, given: Iterable[Any]) -> Axis:
    title = translated(setting.title)
    seen = [value for value in given if value is not None]
    if isinstance(setting.search, Range):
        low, high, is_log = setting.search.low, setting.search.high, setting.search.log
        numbers = [value for value in seen if isinstance(value, int | float) and (value > 0 or not is_log)]
        return search_charts.numbers(title, min([low, *numbers]), max([high, *numbers]), is_log=is_log)
    known = [list(value) if isinstance(value, tuple) else value for value in setting.search or ()]
    known += [value for value in seen if value not in known]
    return search_charts.values(title, [(value, _written(value)) for value in known])


def _written(value: Any) -> str:
    return translated(value) if isinstance(value, str) else figure(value)
