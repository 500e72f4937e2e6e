"""The tables for people, as markdown."""

import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.quality import anomalies, clusters, peers, series, tabular
from benchmarks.quality.comparison import Difference, differences, error_of
from benchmarks.quality.ledger import Ledger, Score
from benchmarks.quality.tables import TABLES

_NAMES = {
    "accuracy": "accuracy", "roc_auc": "ROC AUC", "log_loss": "log loss", "calibration_error": "calibration error",
    "coverage_of_90": "coverage of 90 %", "set_size": "classes a set", "rmse": "RMSE", "r2": "R2", "width": "width",
    "alerts_among_usual": "alerts among usual rows kept apart", "alerts_among_usual_of_all": "alerts among usual rows learned from",
    "adjusted_rand": "adjusted Rand", "mase": "MASE", "smape": "sMAPE", "groups": "groups", "noise_share": "in no group",
}  # fmt: skip
_SHARES = {
    "accuracy",
    "calibration_error",
    "coverage_of_90",
    "noise_share",
    "alerts_among_usual",
    "alerts_among_usual_of_all",
}
_PLAIN_MEANS = {"groups", "set_size", "width"}
_OURS = [*tabular.OURS, tabular.SEARCHED]
_OWN_PEERS = {
    "ours: random forest": peers.FOREST,
    "ours: gradient boosting": peers.BOOSTING,
    "ours: XGBoost": peers.XGBOOST,
    "ours: SVM": peers.SVM,
}
_WORST_CALIBRATION, _COVERAGE = 0.03, (0.88, 0.92)


def as_markdown(ledger: Ledger) -> str:
    """Return every table, of what was measured."""
    scores = list(ledger.scores.values())
    classes = [name for name, table in TABLES.items() if table.classes]
    amounts = [name for name, table in TABLES.items() if not table.classes]
    return "\n\n".join(
        [
            _facts(ledger),
            *_titled("Classification", [_tabular(name, scores) for name in classes]),
            *_titled("Regression", [_tabular(name, scores) for name in amounts]),
            *_titled("Ours beside the tuned histogram boosting", [_compared(scores, dict.fromkeys(_OURS, peers.TUNED))]),
            *_titled("Ours beside the library's own defaults", [_compared(scores, _OWN_PEERS)]),
            *_titled("Who misses which bar", [_bars(scores)]),
            *_titled("Series", [_table(name, scores, of.published) for name, of in series.TABLES.items()]),
            *_titled("Anomalies", [_table(name, scores, {"roc_auc": told}) for name, told in anomalies.PUBLISHED.items()]),
            *_titled("Groups", [_table(name, scores, clusters.PUBLISHED.get(name, {})) for name in clusters.TABLES]),
        ]
    )


def _titled(title: str, parts: Sequence[str]) -> list[str]:
    found = [part for part in parts if part]
    return [f"### {title}", *found] if found else []


def _facts(ledger: Ledger) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("scikit-learn", "xgboost-cpu"))
    return (
        f"Written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; seed {ledger.seed}; commit {', '.join(sorted(ledger.commits))}; "
        f"{_processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, {packages}. "
        "Mean ± standard error over the splits; seconds are the median of one fit."
    )


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _tabular(name: str, scores: Sequence[Score]) -> str:
    everyone = [*_OURS, *peers.PEERS]
    return _table(
        name, sorted(scores, key=lambda s: everyone.index(s.who) if s.who in everyone else 0), TABLES[name].published
    )


def _table(name: str, scores: Sequence[Score], published: Mapping[str, str]) -> str:
    """Return a row a model, and one of what others have published."""
    own = [score for score in scores if score.table == name]
    if not own:
        return ""
    measures = list(dict.fromkeys(measure for score in own for measure in score.measures))
    sizes = _sizes(own[0])
    lines = [
        f"| {name}: {sizes} | {' | '.join(_NAMES[m] for m in measures)} | splits | seconds |",
        f"|---|{'---|' * (len(measures) + 2)}",
    ]
    everyone = dict.fromkeys(score.who for score in own)
    for who in sorted(everyone, key=lambda who: not who.startswith("ours")):  # in the order of measuring else
        mine = [score for score in own if score.who == who]
        cells = [_cell(measure, [s.measures[measure] for s in mine if measure in s.measures]) for measure in measures]
        lines.append(
            f"| {who}{_chosen(mine)} | {' | '.join(cells)} | {len(mine)} | {np.median([s.seconds for s in mine]):.1f} |"
        )
    told = published or dict.fromkeys(measures[:1], "none given")
    lines.append(f"| published | {' | '.join(told.get(measure, '') for measure in measures)} | | |")
    return "\n".join(lines)


def _sizes(of: Score) -> str:
    if of.table in series.TABLES:
        return f"{of.rows:,} series, {of.apart} steps ahead"
    return f"{of.rows:,} rows, {of.apart:,} apart" if of.rows != of.apart else f"{of.rows:,} rows"


def _chosen(mine: Sequence[Score]) -> str:
    """Say which algorithms a search has chosen."""
    if mine[0].who != tabular.SEARCHED:
        return ""
    counts = Counter(score.note.partition(" ")[0] for score in mine)
    return " (" + ", ".join(f"{count} x {name}" for name, count in counts.items()) + ")"


def _cell(measure: str, values: Sequence[float]) -> str:
    if not values:
        return ""
    mean, error, scale, places = float(np.mean(values)), error_of(values), 1, 4
    if measure in _PLAIN_MEANS:
        return f"{mean:.2f}"
    if measure in _SHARES:
        scale, places = 100, 1
    spread = "" if np.isnan(error) else f" ± {scale * error:.{places}f}"
    return f"{scale * mean:.{places}f}{spread}{' %' if scale == 100 else ''}"


def _compared(scores: Sequence[Score], pairs: Mapping[str, str]) -> str:
    """Return the differences on the same splits, turned so that more than 0 is better for ours."""
    lines = [f"| table | measure | {' | '.join(pairs)} |", f"|---|---|{'---|' * len(pairs)}"]
    for name, table in TABLES.items():
        for measure in ("roc_auc", "log_loss", "accuracy") if table.classes else ("rmse",):
            found = [differences(scores, name, measure, ours, peer) for ours, peer in pairs.items()]
            if any(found):
                lines.append(f"| {name} | {_NAMES[measure]} | {' | '.join(_difference(one) for one in found)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def _difference(of: Difference | None) -> str:
    if of is None:
        return ""
    mark = " ▲" if of.is_better else " ▼" if of.is_worse else ""
    spread = "" if np.isnan(of.error) else f" ± {of.error:.4f}"
    return f"{of.mean:+.4f}{spread}{mark}{f' ({of.splits})' if of.splits < 5 else ''}"


def _bars(scores: Sequence[Score]) -> str:
    """Return who of ours is more than a standard error behind the tuned boosting, badly calibrated, or covers too few or many."""
    low, high = _COVERAGE
    titles = (
        "table",
        "behind the tuned boosting (ROC AUC or RMSE)",
        "ahead of it",
        "calibration error over 3 %",
        "coverage outside",
    )
    lines = [f"| {' | '.join(titles)} {low:.0%} to {high:.0%} |", "|---|---|---|---|---|"]
    for name, table in TABLES.items():
        means = {who: _means([s for s in scores if s.table == name and s.who == who]) for who in _OURS}
        means = {who.removeprefix("ours: "): told for who, told in means.items() if told}
        if not means:
            continue
        measure = "roc_auc" if table.classes else "rmse"
        against = {who: differences(scores, name, measure, f"ours: {who}", peers.TUNED) for who in means}
        cells = [
            [who for who, of in against.items() if of and of.is_worse],
            [who for who, of in against.items() if of and of.is_better],
            [
                f"{who} {m['calibration_error']:.1%}"
                for who, m in means.items()
                if m.get("calibration_error", 0) > _WORST_CALIBRATION
            ],
            [f"{who} {m['coverage_of_90']:.1%}" for who, m in means.items() if not low <= m["coverage_of_90"] <= high],
        ]
        lines.append(f"| {name} | {' | '.join(', '.join(cell) or '-' for cell in cells)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def _means(own: Sequence[Score]) -> dict[str, float]:
    return {measure: float(np.mean([s.measures[measure] for s in own])) for measure in (own[0].measures if own else ())}


def with_tables(text: str, tables: str) -> str:
    """Return a document with its tables between the marks replaced."""
    start, end = "<!-- tables: python -m benchmarks.quality -->", "<!-- tables: end -->"
    before, found, rest = text.partition(start)
    if not found or end not in rest:
        raise ValueError(f"The document has no part between {start} and {end}.")
    return f"{before}{start}\n\n{tables}\n\n{end}{rest.partition(end)[2]}"
