"""The whole loop on one machine, told as a story: `python -m tests.journeys.loop`.

Handwritten digits (UCI, bundled with scikit-learn) are told apart; then the scanner's lamp dims. Everything goes over HTTP to real
processes; what the clock would do at night is asked for at once: each periodic task is sent by name, and a real worker runs it.
"""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from celery import Celery

from tests.journeys.running import RunningPlatform, wait_for
from tests.journeys.visitor import Visitor

Rows = list[dict[str, Any]]
_DIM = 0.35  # of the light


@dataclass
class Loop:
    """One model on its way, and what is told of it."""

    visitor: Visitor
    told: list[str] = field(default_factory=list)
    say_aloud: Callable[[str], None] = print
    model: str = ""

    def say(self, text: str) -> None:
        """Tell the next part of the story."""
        self.told.append(text)
        self.say_aloud(text)

    def clock(self, task: str) -> None:
        """Have a worker run a periodic task now."""
        sender = Celery(broker=self.visitor.running.broker_url, set_as_current=False)
        sender.send_task(task, queue="ml_scheduler")
        sender.close()

    def path(self, more: str) -> str:
        return f"models/{self.model}/{more}"


def digits(*, light: float = 1.0, first: int = 0, last: int = 1_797) -> tuple[Rows, list[str]]:
    """Return scanned digits as rows of 64 grey values, and what each is; `light` dims the scanner."""
    from sklearn.datasets import load_digits

    found = load_digits()
    mixed = np.random.default_rng(0).permutation(len(found.data))[first:last]  # as they come, writer stands after writer
    noise = np.random.default_rng(first).normal(0, 0.4, (len(mixed), 64))
    grey = np.clip(found.data[mixed] * light + noise * (light < 1), 0, 16).round(2)
    rows = [{f"p{at}": float(value) for at, value in enumerate(row)} for row in grey]
    return rows, [f"digit {value}" for value in found.target[mixed]]


def as_csv(rows: Rows, truth: list[str]) -> bytes:
    lines = [",".join([*rows[0], "digit"])]
    lines += [",".join([*(str(value) for value in row.values()), name]) for row, name in zip(rows, truth, strict=True)]
    return "\n".join(lines).encode()


def tell(visitor: Visitor, say: Callable[[str], None] = print) -> Loop:
    """Go the whole way; every step asserts what it tells."""
    loop = Loop(visitor, say_aloud=say)
    bright, truth = digits(last=1_300)
    _train_and_serve(loop, bright, truth)
    _watch(loop)
    _retrain_and_judge(loop, bright, truth)
    _degrade_and_go_back(loop)
    return loop


def _train_and_serve(loop: Loop, rows: Rows, truth: list[str]) -> None:
    visitor = loop.visitor
    dataset = visitor.upload(as_csv(rows, truth), name="digits", file="digits.csv")
    loop.model = visitor.model("Digits", target="digit", parameters={"n_estimators": 60, "max_depth": 14})
    ended = visitor.completed(visitor.train(loop.model, dataset["id"]))
    loop.say(f"Trained on {dataset['rows']} digits: {ended['metrics']['accuracy']:.1%} right on rows it never saw.")
    policy = {"feedback": None, "negatives": None, "satisfaction": None, "drift": 0, "cooldown_hours": 0}
    gate = {"gain": 0.0, "slice_loss": 0.1, "calibration_loss": 0.2, "latency_ratio": None}
    visitor.call("PUT", loop.path("retraining_policy/"), json={**policy, "gate": gate})
    decided = visitor.post(loop.path("retraining_policy/evaluate/"))
    assert decided["retrain"] is False
    loop.say(f"Not retrained: {' '.join(decided['why_not'])}")


def _ask(loop: Loop, rows: Rows) -> dict[str, Any]:
    answers: dict[str, Any] = {"prediction_ids": [], "predictions": []}
    for at in range(0, len(rows), 100):
        answer = loop.visitor.post(loop.path("predict/"), {"data": rows[at : at + 100]})
        answers = {
            "version": answer["version"],
            **{name: answers[name] + answer[name] for name in ("prediction_ids", "predictions")},
        }
    return answers


def _checked(loop: Loop) -> dict[str, Any]:
    time.sleep(1.0)  # the log is written behind the answers
    asked = loop.visitor.post(loop.path("detect_drift/"), None, 202)
    look = lambda: (found := loop.visitor.get(loop.path(f"drift/{asked['id']}/")))["status"] == "completed" and found  # noqa: E731
    return dict(wait_for(look, seconds=90, what="the drift check"))


def _label(loop: Loop, answers: dict[str, Any], truth: list[str]) -> None:
    said = [{"prediction": one, "label": label} for one, label in zip(answers["prediction_ids"], truth, strict=True)]
    loop.visitor.post(loop.path("feedback/many/"), {"verdicts": said})


def _watch(loop: Loop) -> None:
    bright, truth = digits(first=1_300, last=1_500)
    answers = _ask(loop, bright)
    right = np.mean([one == other for one, other in zip(answers["predictions"], truth, strict=True)])
    steady = _checked(loop)
    assert steady["state"] == "steady", (steady["state"], steady["rows"])
    loop.say(f"Served 200 digits, {right:.1%} right; the check for drift is silent.")
    for window, (first, last) in enumerate([(0, 250), (250, 500)]):
        dim, truth = digits(light=_DIM, first=first, last=last)
        answers = _ask(loop, dim)
        _label(loop, answers, truth)
        right = np.mean([one == other for one, other in zip(answers["predictions"], truth, strict=True)])
        found = _checked(loop)
        assert found["state"] == ("drifting", "alarm")[window], found["state"]
        loop.say(f"The lamp dims: {right:.1%} of 250 digits right. Drift, window {window + 1}: {found['state']}.")


def _retrain_and_judge(loop: Loop, bright: Rows, truth: list[str]) -> None:
    visitor = loop.visitor
    dim, names = digits(light=_DIM, last=1_500)
    dataset = visitor.get(f"models/{loop.model}/versions/1/")["dataset"]
    answer = visitor.http.post(
        f"datasets/{dataset}/versions/", files={"file": ("more.csv", as_csv(bright + dim, truth + names), "text/csv")}
    )
    assert answer.status_code in (201, 202), answer.text
    wait_for(lambda: visitor.get(f"datasets/{dataset}/")["status"] == "ready", seconds=90, what="the newer digits")
    dry = visitor.post(loop.path("retraining_policy/evaluate/"))
    report = _decide_and_promote(loop, dry["reasons"])
    gain = next(check for check in report["verdict"]["checks"] if check["name"] == "gain")
    loop.say(
        f"The gate, on {report['holdout']['rows']} rows that neither has learned from: {gain['sentence']} Version 2 is live."
    )


def _decide_and_promote(loop: Loop, reasons: list[str]) -> dict[str, Any]:
    """Let the night decide as the dry run did, train what it wants, and let the gate promote it; return the gate's report."""
    visitor = loop.visitor
    loop.clock("retraining.check_all")
    found = wait_for(
        lambda: [one for one in visitor.get(loop.path("retraining_decisions/"))["results"] if one["retrain"]],
        seconds=60, what="the decision",
    )  # fmt: skip
    assert found[0]["decision"]["reasons"] == reasons
    loop.say(f"Decided at night, as the dry run had said: {' '.join(reasons)}")
    visitor.completed(found[0]["campaign"])
    report: dict[str, Any] = wait_for(
        lambda: [one for one in visitor.get(loop.path("gate_reports/"))["results"] if one["status"] in ("completed", "failed")],
        seconds=120, what="the gate",
    )[0]  # fmt: skip
    assert report["outcome"] == "promoted", json.dumps(report, indent=1)
    assert visitor.get(f"models/{loop.model}/")["champion"] == 2
    return report


def _degrade_and_go_back(loop: Loop) -> None:
    dim, truth = digits(light=_DIM, first=1_500)
    answers = _ask(loop, dim)
    right = np.mean([one == other for one, other in zip(answers["predictions"], truth, strict=True)])
    loop.say(f"Version {answers['version']} under the dim lamp: {right:.1%} of {len(dim)} digits right.")
    upside_down = [{name: row[f"p{63 - at}"] for at, name in enumerate(row)} for row in dim]
    _label(loop, _ask(loop, upside_down), truth)
    loop.clock("retraining.watch_promotions")
    wait_for(lambda: loop.visitor.get(f"models/{loop.model}/")["champion"] == 1, seconds=60, what="the rollback")
    reason = loop.visitor.get(loop.path("champion/"))["reason"]
    loop.say(f"Sheets come in upside down, labels say so, and version 1 is back: {reason}")
    told = {one["kind"] for one in loop.visitor.get(f"alerts/?model={loop.model}")["results"]}
    assert {"drift", "gate_promoted", "rolled_back"} <= told
    loop.say(f"Alerts told of: {', '.join(sorted(told))}.")


def tell_of_users(visitor: Visitor, say: Callable[[str], None] = print) -> Loop:
    """Go the same way with a model whose users only ever say whether an answer was right."""
    loop = Loop(visitor, say_aloud=say)
    bright, names = digits(last=1_100)
    dataset = visitor.upload(as_csv(bright, _parities(names)), name="odd or even", file="parity.csv")
    loop.model = visitor.model(
        "Odd or even", target="digit", parameters={"n_estimators": 60, "max_depth": 14}, frozen_share=0.2
    )
    ended = visitor.completed(visitor.train(loop.model, dataset["id"]))
    policy = {
        "satisfaction": 0.9,
        "cooldown_hours": 0,
        # Of some 80 judged rows among those kept apart, which others at each telling, chance hides half a point.
        "gate": {"gain": -0.03, "slice_loss": 0.2, "calibration_loss": 0.2, "latency_ratio": None},
    }
    visitor.call("PUT", loop.path("retraining_policy/"), json=policy)
    loop.say(f"Odd or even, taught by its users: {ended['metrics']['accuracy']:.1%} right on rows it never saw.")
    share = _judged_by_users(loop, first=1_100, last=1_500)
    dry = visitor.post(loop.path("retraining_policy/evaluate/"))
    loop.say(f"The lamp is dim; users find {share:.1%} of 400 answers right, and say no more. {' '.join(dry['reasons'])}")
    _decide_and_promote(loop, dry["reasons"])
    split = visitor.get(f"models/{loop.model}/versions/2/")["evaluation"]["split"]
    assert split["feedback_rows"] == 400
    loop.say(f"Version 2 has learned from {split['feedback_rows']} answers that users have judged, and is live.")
    better = _judged_by_users(loop, first=1_500, last=1_600)
    assert better > share
    loop.say(f"Users now find {better:.1%} of 100 answers right.")
    _judged_by_users(loop, first=1_100, last=1_400, upside_down=True)
    loop.clock("retraining.watch_promotions")
    wait_for(lambda: visitor.get(f"models/{loop.model}/")["champion"] == 1, seconds=60, what="the rollback")
    loop.say(f"Sheets come in upside down, users say so: {visitor.get(loop.path('champion/'))['reason']}")
    return loop


def _parities(names: list[str]) -> list[str]:
    return ["odd" if int(name[-1]) % 2 else "even" for name in names]


def _judged_by_users(loop: Loop, *, first: int, last: int, upside_down: bool = False) -> float:
    """Have users judge answers under the dim lamp, three each, one verdict in fifty by mistake; return the share that is right."""
    dim, names = digits(light=_DIM, first=first, last=last)
    if upside_down:
        dim = [{name: row[f"p{63 - at}"] for at, name in enumerate(row)} for row in dim]
    answers = _ask(loop, dim)
    right = [one == other for one, other in zip(answers["predictions"], _parities(names), strict=True)]
    slips = np.random.default_rng(first).random(len(right)) < 0.02
    said = [
        {"prediction": one, "correct": bool(good != slip), "subject": f"user-{first}-{place // 3}"}
        for place, (one, good, slip) in enumerate(zip(answers["prediction_ids"], right, slips, strict=True))
    ]
    loop.visitor.post(loop.path("feedback/many/"), {"verdicts": said})
    return float(np.mean(right))


def main() -> None:
    """Start a platform in an empty folder, tell both stories, and stop it."""
    with tempfile.TemporaryDirectory() as folder:
        running = RunningPlatform(Path(folder))
        try:
            visitor = Visitor(running.start())
            tell(visitor)
            tell_of_users(visitor)
        finally:
            running.end()


if __name__ == "__main__":
    main()
