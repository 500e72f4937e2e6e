"""Worker only: a search for the best settings. It chooses, sends trials out as tasks, and learns from their rows.

The rows are the truth: a search whose process died goes on from the trials that ended, in the time that was left.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import connection

from apps.algorithms import catalog
from apps.algorithms.choice import choice_of
from apps.algorithms.engine.search import Chosen, Search, Tried
from apps.core import clock
from apps.core.errors import DATABASE_AWAY, InvalidInput
from apps.core.processes import is_gone
from apps.training import lifecycle, trial_lifecycle
from apps.training.actions import send_trial
from apps.training.engine.database import patiently
from apps.training.engine.reading import folds_wanted
from apps.training.engine.reporter import Reporter
from apps.training.models import TrainingCampaign, Trial
from apps.training.selectors import best_first

logger = logging.getLogger(__name__)
_LOOK_SECONDS = 0.1
_CARE_SECONDS = 1.0  # between looks at what happens seldom: processes that died, messages that were lost
_SEND_AGAIN_SECONDS = 5.0
_KILL_SECONDS = 5  # after the end of its time
_REST_SECONDS, _REST_SHARE, _REST_FITS = 3.0, 0.06, 1.2  # kept for the version: so much, of the budget, and of its fits
_UNKNOWN_REST = 1 / 3  # kept while no fold has ended, and nobody knows what a version takes
_MOST_REST = 0.5
_MOST_SLOWED = 2.0
_LATE = 1.1  # of the time given: more is told
_LEAST_FAILED = 3  # trials, and none done: then it is the data, not bad luck

Status = Trial.Status


@dataclass(frozen=True, slots=True)
class Found:
    """What a search chose, and what is told of it with the version."""

    algorithm: str
    parameters: dict[str, Any]
    summary: dict[str, Any]
    warnings: tuple[str, ...]
    began: float
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return what the version's evaluation says of the search, now that the version is made."""
        told = list(self.warnings)
        took = time.monotonic() - self.began
        if took > _LATE * self.seconds:
            told.append(
                f"The training was given {self.seconds:g} seconds and took {took:.0f}: the machine was busy. Allow more time."
            )
        return {"search": {**self.summary, "warnings": told}}


def search(
    campaign: TrainingCampaign,
    token: UUID,
    report: Reporter,
    *,
    train_rows: int,
    all_rows: int,
    began: float,
) -> Found:
    """Try settings until the time is nearly up, the trials are used up, or there is nothing left to try; return the best.

    Parameters
    ----------
    report : its fit is the search.
    train_rows, all_rows : how many rows the version will learn from, before it is measured and then; a trial from fewer, perhaps.
    began : when the run began, by the monotonic clock: its budget is of the whole campaign.

    Raises
    ------
    InvalidInput : every algorithm failed with its own defaults; the detail is that of the first.

    """
    conductor = patiently(lambda: _Conductor(campaign, token, report, (train_rows, all_rows), began))
    try:
        while not conductor.is_over():
            try:
                conductor.look()
            except DATABASE_AWAY as error:
                logger.warning("The search of campaign %s waits for the database: %s", campaign.pk, error)
                connection.close()
                time.sleep(_CARE_SECONDS)
            time.sleep(_LOOK_SECONDS)
    finally:
        patiently(lambda: trial_lifecycle.cancel_open(campaign.pk, run=token))
    return patiently(conductor.found)


class _Conductor:
    """One run of a search."""

    def __init__(
        self, campaign: TrainingCampaign, token: UUID, report: Reporter, rows: tuple[int, int], began: float
    ) -> None:
        self.campaign, self.token, self.report = campaign, token, report
        self.train_rows, self.all_rows = rows
        self.slowed = _slowed()  # before trials of its own run
        limits: dict[str, Any] = campaign.search or {}
        self.seconds, self.most_trials, self.most_rows = float(limits["seconds"]), limits["trials"], int(limits["rows"])
        self.began = began - campaign.search_spent
        self.services = choice_of(campaign.model.algorithm, campaign.model.task).services
        self.study = Search(self.services, given=campaign.parameters, held=limits["held"], seed=campaign.seed)
        self.open: dict[UUID, Chosen] = {}
        self.sent: dict[UUID, float] = {}
        self.cared = 0.0
        self.is_used_up = False
        self.next: Chosen | None = None  # chosen, and not yet sent
        self.begun: dict[UUID, Trial] = {}  # those under way that have ended a fold
        self.ended = self._remember()

    def _remember(self) -> list[Trial]:
        """Learn from what earlier runs have tried; raise `LeaseLost` where a later one has begun."""
        if not lifecycle.renew(self.campaign.pk, self.token):
            raise lifecycle.LeaseLost
        trial_lifecycle.cancel_open(self.campaign.pk)
        ended = [one for one in self.campaign.trials.order_by("number") if one.status != Status.CANCELLED]
        tried = [Tried(t.algorithm, t.searched, tuple(t.scores), t.status == Status.COMPLETED) for t in ended]
        scored = [one for one in ended if one.scores]
        if scored:
            self.study.remember(tried, greater_is_better=scored[0].greater_is_better)
        return ended

    @property
    def elapsed(self) -> float:
        """Seconds of the budget that are used."""
        return time.monotonic() - self.began

    @property
    def best(self) -> Trial | None:
        """The best trial whose version can still be made in the time left; where there is none, the quickest of all."""
        return self._in_time(best_first([one for one in self.ended if one.status == Status.COMPLETED]))

    def _in_time(self, ranked: Sequence[Trial]) -> Trial | None:
        left = self.seconds - self.elapsed
        in_time = (one for one in ranked if self._version_seconds(one) < left)
        return next(in_time, min(ranked, key=self._version_seconds, default=None))

    def _version_seconds(self, trial: Trial) -> float:
        """Estimate how long the version of these settings takes: fitted on all rows, twice where it learns again."""
        if not trial.fit_seconds or not trial.fit_rows:
            return 0.0
        fits = _REST_FITS * (1.0 + catalog.get(trial.algorithm).cost_of_learning_again(self.all_rows))
        return fits * trial.fit_seconds * max(1.0, self.train_rows / trial.fit_rows)

    @property
    def available(self) -> float:
        """Seconds of the budget for trials: the rest is the version's."""
        best = self.best or min(self.begun.values(), key=self._version_seconds, default=None)
        rest = self.slowed * _REST_SECONDS + _REST_SHARE * self.seconds
        rest = rest + self._version_seconds(best) if best else max(rest, _UNKNOWN_REST * self.seconds)
        return self.seconds - min(rest, _MOST_REST * self.seconds)

    def is_over(self) -> bool:
        """Say whether the search has come to its end; raise when nothing can come of it."""
        self._check_hope()
        enough = self.most_trials is not None and len(self.ended) >= self.most_trials
        return self.elapsed >= self.available or enough or (self.is_used_up and not self.open)

    def _check_hope(self) -> None:
        failed = [one for one in self.ended if one.status == Status.FAILED]
        if len(failed) >= max(_LEAST_FAILED, len(self.services)) and len(failed) == len(self.ended):
            raise InvalidInput(failed[0].error)

    def look(self) -> None:
        """Take what has ended, send what fits beside what runs, and tell how far it is."""
        self._collect()
        if time.monotonic() - self.cared >= _CARE_SECONDS:
            self._care()
        self._send_more()

    def _collect(self) -> None:
        for trial in Trial.objects.filter(pk__in=self.open):
            chosen = self.open[trial.pk]
            if trial.status not in trial_lifecycle.OPEN:
                self._take(trial, chosen)
            elif self._is_poor(trial, chosen) and trial_lifecycle.end(trial.pk, Status.PRUNED):
                trial.status = Status.PRUNED
                self._take(trial, chosen)
            elif trial.scores:
                self.begun[trial.pk] = trial

    def _is_poor(self, trial: Trial, chosen: Chosen) -> bool:
        """Tell the study of the folds that are done; return whether it would stop there."""
        is_poor = False
        for step in range(len(trial.scores)):
            mean = float(np.mean(trial.scores[: step + 1]))
            is_poor = self.study.report(chosen.ticket, mean, step=step, greater_is_better=trial.greater_is_better)
        return is_poor

    def _take(self, trial: Trial, chosen: Chosen) -> None:
        del self.open[trial.pk]
        self.begun.pop(trial.pk, None)
        if trial.status == Status.CANCELLED:
            self.study.tell(chosen.ticket, None)
            return
        self._is_poor(trial, chosen)
        self.study.tell(chosen.ticket, trial.score, was_stopped=trial.status == Status.PRUNED)
        self.ended.append(trial)
        best = self.best
        if trial.score is not None and best is not None and best.score is not None:
            drawn = {"trial_score": trial.score, "best_score": best.score}
            self.report(self._fraction, "searching", step=trial.number, metrics=drawn)

    def _care(self) -> None:
        """See to what happens seldom, and tell how far the search is."""
        self.cared = time.monotonic()
        lifecycle.note_search_spent(self.campaign.pk, self.token, self.elapsed)
        self.report(self._fraction, "searching")
        for trial in Trial.objects.filter(pk__in=self.open):
            if trial.status == Status.RUNNING and (is_gone(trial.owner) or _is_over(trial.lease_until)):
                trial_lifecycle.end(trial.pk, Status.FAILED, error="The process of this trial died.")
            elif trial.status == Status.WAITING and self.cared - self.sent[trial.pk] > _SEND_AGAIN_SECONDS:
                self._send(trial)

    @property
    def _fraction(self) -> float:
        by_time = self.elapsed / self.available
        by_count = len(self.ended) / self.most_trials if self.most_trials else 0.0
        return min(1.0, max(by_time, by_count))

    def _send_more(self) -> None:
        while len(self.open) < settings.SEARCH_TRIALS_AT_ONCE and not self.is_used_up:
            if self.most_trials is not None and len(self.ended) + len(self.open) >= self.most_trials:
                return
            chosen = self.next = self.next or self.study.next()
            if chosen is None:
                self.is_used_up = True
                return
            trial = Trial.objects.create(
                campaign=self.campaign,
                number=(self.campaign.trials.order_by("-number").values_list("number", flat=True).first() or 0) + 1,
                run=self.token,
                until=clock.now() + timedelta(seconds=max(0.0, self.seconds - self.elapsed)),
                algorithm=chosen.algorithm,
                parameters=chosen.parameters,
                searched=chosen.searched,
            )
            self.open[trial.pk], self.next = chosen, None
            self._send(trial)

    def _send(self, trial: Trial) -> None:
        self.sent[trial.pk] = time.monotonic()
        send_trial(trial, seconds=max(1, int(self.seconds - self.elapsed)) + _KILL_SECONDS)

    def found(self) -> Found:
        """Return the best settings; the defaults of the first algorithm where no trial went to its end."""
        completed = best_first([one for one in self.ended if one.status == Status.COMPLETED])
        counts = Counter(one.status for one in self.ended)
        summary: dict[str, Any] = {
            "trials": len(self.ended),
            **{str(status): counts[status] for status in (Status.COMPLETED, Status.PRUNED, Status.FAILED)},
            "seconds": round(self.elapsed, 1),
            "rows": completed[0].fit_rows if completed else None,
            "leaderboard": _leaderboard(completed),
        }
        warnings = []
        best = self.best or self._best_begun()
        if best is None:
            text = f"No trial came to its end within {self.seconds:g} seconds: the defaults were trained. Allow more time."
            first = self.services[0]
            own = {p.name for p in first.hyperparameters}
            given = {name: value for name, value in self.campaign.parameters.items() if name in own}
            return self._told(first.slug, first.clean_parameters(given), summary, [text])
        if not completed:
            text = (
                f"No trial came to its end within {self.seconds:g} seconds: trained was the one that was best on its first folds. "
                "Allow more time."
            )
            warnings.append(text)
        elif left_out := [one.title for one in self.services if one.slug not in {trial.algorithm for trial in completed}]:
            text = f"No trial of these algorithms came to its end, so they were not compared: {', '.join(left_out)}. Allow more time."
            warnings.append(text)
        if completed and best.pk != completed[0].pk:
            text = f"Trial {completed[0].number} scored better, but its version could not be made in the time left. Allow more time."
            warnings.append(text)
        if completed and (text := self._fewer_folds(best)):
            warnings.append(text)
        told = {"number": best.number, "metric": best.metric, "score": best.score, "scores": best.scores}
        return self._told(best.algorithm, best.parameters, {**summary, **told}, warnings)

    def _fewer_folds(self, trial: Trial) -> str:
        """Say why settings were compared on fewer folds than is usual; "" where they were not."""
        had, wanted = len(trial.scores), folds_wanted(min(self.train_rows, self.most_rows))
        model = self.campaign.model
        if had >= wanted or catalog.get(trial.algorithm).input_kind != "table":
            return ""
        if model.group_column:
            why = f"there are too few groups of {model.group_column!r}"
        elif model.time_column:
            why = "the earliest rows are too few, or lack a class"
        else:
            why = "a class has too few rows"
        return f"Settings were compared on {had} folds in place of {wanted}, since {why}: small differences of their scores are chance."

    def _told(self, algorithm: str, parameters: dict[str, Any], summary: dict[str, Any], warnings: list[str]) -> Found:
        return Found(algorithm, parameters, summary, tuple(warnings), self.began, self.seconds)

    def _best_begun(self) -> Trial | None:
        """Return the best of the trials that have scored some folds and can be made in time, none where none has any."""
        begun = [one for one in self.campaign.trials.exclude(status=Status.FAILED).order_by("number") if one.scores]
        for one in begun:
            one.score = float(np.mean(one.scores))
        return self._in_time(best_first(begun))


def _slowed() -> float:
    """Return how many times as long everything takes here, where more wants to run than there are cores."""
    return max(1.0, min(os.getloadavg()[0] / (os.cpu_count() or 1), _MOST_SLOWED))


def _is_over(lease: datetime | None) -> bool:
    return lease is not None and lease < clock.now()


def _leaderboard(completed: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return the best trial of each algorithm, best first, with how many of it went to their end."""
    rows: dict[str, dict[str, Any]] = {}
    for trial in completed:
        row = rows.setdefault(
            trial.algorithm,
            {
                "algorithm": trial.algorithm,
                "number": trial.number,
                "score": trial.score,
                "spread": float(np.std(trial.scores, ddof=1)) if len(trial.scores) > 1 else None,
                "fit_seconds": trial.fit_seconds,
                "trials": 0,
            },
        )
        row["trials"] += 1
    return list(rows.values())
