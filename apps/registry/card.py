"""The model card: what a reader must know before trusting a version (Mitchell et al. 2019), as Markdown."""

from typing import Any

from apps.registry.manifest import VersionFacts
from apps.registry.models import ModelVersion, RegisteredModel
from apps.registry.selectors import learned_and_erased

_SHOWN_FEATURES = 10
_DOES = {
    "anomaly": "It scores how unusual a row is.",
    "clustering": "It tells which rows are alike, and which are like none.",
}
_MARKUP = str.maketrans({character: f"\\{character}" for character in "\\`*[]<>"})


def card_text(*, model: RegisteredModel, number: int, facts: VersionFacts) -> str:
    """Return the card that is stored among a version's files."""
    split = facts.evaluation.get("split", {})
    warnings = facts.evaluation.get("warnings", [])
    sure = facts.evaluation.get("intervals", {}).get("metrics", {})
    rows = [
        f"| {name} | {_number(value)}{_interval(sure.get(name))} | {_number(facts.baseline.metrics.get(name))} |"
        for name, value in facts.metrics.items()
    ]
    again = (
        " Once measured, it learned again from all of these rows, those kept apart among them."
        if split.get("learned_again")
        else ""
    )
    apart = f"{split.get('test_rows')} kept apart ({split.get('reason', '')})"
    frozen = f" {count} more are frozen: no version learns from them." if (count := split.get("frozen_rows")) else ""
    ranked = facts.importance.features[:_SHOWN_FEATURES]
    predicts = _DOES.get(model.task, f"It predicts `{_code(facts.schema.target or '')}`.")
    parts = [
        f"# {_line(model.name)}, version {number}",
        model.description or "No description was given.",
        f"**Task**: {model.task}, by `{facts.algorithm}`. {predicts}",
        f"**Data**: {_line(facts.dataset_version)}, {facts.dataset_version.rows} rows, content hash `{facts.dataset_version.content_hash}`.",
        f"**Split**: {split.get('train_rows')} rows to learn from, {apart}.{again}{frozen}",
        "## Quality on the rows kept apart",
        f"| metric | this version (95 % interval) | baseline: {facts.baseline.name} |\n|---|---|---|\n" + "\n".join(rows),
        "## What it looks at",
        "\n".join(
            f"{place}. {_line(name)} ({importance:.4g})" for place, (name, importance, _) in enumerate(ranked, start=1)
        ),
        f"Method: {facts.importance.method}.",
        "## To know before use",
        "\n".join(f"- {_line(text)}" for text in warnings) or "- No warning was raised in training.",
        "- It answers for data like that it learned from; categories never seen are flagged in each answer.",
        "## How it was made",
        f"Parameters `{facts.parameters}`, seed {facts.seed}. The same data, parameters and seed give the same model.",
    ]
    return "\n\n".join(parts) + "\n"


def card_json(version: ModelVersion) -> dict[str, Any]:
    """Return the card's facts for machines."""
    return {
        "model": version.model.name,
        "version": version.number,
        "algorithm": version.algorithm,
        "metrics": version.metrics,
        "baseline": version.baseline,
        "importance": version.importance,
        "evaluation": version.evaluation,
        "manifest": version.manifest,
        "signature": version.signature,
        "trained_with_erased": erased.as_json() if (erased := learned_and_erased(version)) else None,
    }


def _line(text: object) -> str:
    """Return somebody's words as one line of text that brings no markup and no line of its own."""
    return " ".join(str(text).split()).translate(_MARKUP)


def _code(text: object) -> str:
    return " ".join(str(text).split()).replace("`", "'")


def _interval(ends: list[float] | None) -> str:
    return f" ({_number(ends[0])} to {_number(ends[1])})" if ends else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
