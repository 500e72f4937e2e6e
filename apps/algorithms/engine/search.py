"""Which settings to try next: Optuna's tree-structured Parzen estimator over the ranges that services declare.

The defaults of each algorithm come first, so that a search never ends below them for want of luck. A trial whose first folds are
worse than the median of those before it is stopped (Bergstra et al. 2011, NeurIPS; Golovin et al. 2017, KDD).
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from apps.algorithms.base import BaseMLService
from apps.algorithms.hyperparameters import Hyperparameter, Range

optuna.logging.set_verbosity(optuna.logging.WARNING)
_ALGORITHM = "algorithm"
_JUDGED_BEFORE = 5  # trials that must have ended before one is stopped
_SAME_AGAIN = 50  # draws in a row that were tried before: the space is used up

_Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one trial: settings it was given by a search, its scores by fold, and whether it went to its end."""

    algorithm: str
    searched: _Values
    scores: tuple[float, ...]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """Settings to try; `searched` are those that the search chose, `parameters` all of the algorithm."""

    ticket: int
    algorithm: str
    parameters: dict[str, Any]
    searched: dict[str, Any]


class Search:
    """Asks for settings and learns from their scores; larger scores are better unless told otherwise."""

    def __init__(self, services: Sequence[type[BaseMLService]], *, given: _Values, held: _Values, seed: int) -> None:
        """`given` are settings for all trials where they are not searched; `held` are those that must not be."""
        self._services = {service.slug: service for service in services}
        self._given, self._held = given, held
        self._sign = 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # the version is locked
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=_JUDGED_BEFORE, n_min_trials=_JUDGED_BEFORE)
        self._study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
        self._open: dict[int, optuna.Trial] = {}
        self._reported: set[tuple[int, int]] = set()
        self._seen: set[str] = set()
        self._defaults = list(self._services)

    def remember(self, tried: Sequence[Tried], *, greater_is_better: bool) -> None:
        """Learn from trials of an earlier run."""
        self._sign = 1.0 if greater_is_better else -1.0
        for one in tried:
            service = self._services.get(one.algorithm)
            if service is None or not one.scores:
                continue
            self._seen.add(_key(one.algorithm, one.searched))
            if _is_default(service, one.searched) and one.algorithm in self._defaults:
                self._defaults.remove(one.algorithm)
            self._study.add_trial(self._frozen(service, one))

    def next(self) -> Chosen | None:
        """Return settings that were not tried yet; None when there are none left."""
        if self._defaults:
            service = self._services[self._defaults.pop(0)]
            searched = {p.name: _stored(p.default) for p in self._searched(service)}
            return self._chosen(self._enqueued(service, searched), service, searched)
        for _ in range(_SAME_AGAIN):
            trial = self._study.ask()
            names = list(self._services)
            slug = names[0] if len(names) == 1 else trial.suggest_categorical(_ALGORITHM, names)
            service = self._services[slug]
            searched = {p.name: self._suggested(trial, service, p) for p in self._searched(service)}
            if _key(slug, searched) not in self._seen:
                return self._chosen(trial, service, searched)
            self._study.tell(trial, state=TrialState.FAIL)
        return None

    def report(self, ticket: int, score: float, *, step: int, greater_is_better: bool) -> bool:
        """Take the mean score after so many folds; return whether the trial is to be stopped."""
        self._sign = 1.0 if greater_is_better else -1.0
        trial = self._open[ticket]
        if (ticket, step) not in self._reported:
            self._reported.add((ticket, step))
            trial.report(self._sign * score, step)
        return bool(trial.should_prune())

    def tell(self, ticket: int, score: float | None, *, was_stopped: bool = False) -> None:
        """Take a trial's end: its score; None where it failed, unless it was stopped for being poor."""
        trial = self._open.pop(ticket)
        if score is not None:
            self._study.tell(trial, self._sign * score)
        else:
            self._study.tell(trial, state=TrialState.PRUNED if was_stopped else TrialState.FAIL)

    def _searched(self, service: type[BaseMLService]) -> list[Hyperparameter]:
        return [p for p in service.hyperparameters if p.search is not None and p.name not in self._held]

    def _enqueued(self, service: type[BaseMLService], searched: _Values) -> optuna.Trial:
        several = len(self._services) > 1
        inside = [p for p in self._searched(service) if _fits(p, searched[p.name])]
        fixed = {f"{service.slug}.{p.name}": _place(p, searched[p.name]) for p in inside}
        self._study.enqueue_trial({**fixed, **({_ALGORITHM: service.slug} if several else {})})
        trial = self._study.ask()
        if several:
            trial.suggest_categorical(_ALGORITHM, list(self._services))
        for parameter in inside:
            self._suggested(trial, service, parameter)
        return trial

    def _suggested(self, trial: optuna.Trial, service: type[BaseMLService], parameter: Hyperparameter) -> Any:
        name = f"{service.slug}.{parameter.name}"
        values = parameter.search
        if not isinstance(values, Range):
            place = trial.suggest_categorical(name, list(range(len(values or ()))))
            return _stored((values or ())[place])
        if parameter.kind == "integer":
            return trial.suggest_int(name, int(values.low), int(values.high), log=values.log)
        return _rounded(trial.suggest_float(name, values.low, values.high, log=values.log))

    def _chosen(self, trial: optuna.Trial, service: type[BaseMLService], searched: dict[str, Any]) -> Chosen:
        self._open[trial.number] = trial
        self._seen.add(_key(service.slug, searched))
        own = {p.name for p in service.hyperparameters}
        given = {name: value for name, value in {**self._given, **self._held}.items() if name in own}
        parameters = service.clean_parameters({**given, **searched})
        return Chosen(trial.number, service.slug, parameters, searched)

    def _frozen(self, service: type[BaseMLService], one: Tried) -> FrozenTrial:
        spaces: dict[str, BaseDistribution] = {}
        values: dict[str, Any] = {}
        if len(self._services) > 1:
            spaces[_ALGORITHM] = CategoricalDistribution(list(self._services))
            values[_ALGORITHM] = service.slug
        for parameter in self._searched(service):
            value = one.searched.get(parameter.name)
            if _fits(parameter, value):
                name = f"{service.slug}.{parameter.name}"
                spaces[name], values[name] = _distribution(parameter), _place(parameter, value)
        means = [sum(one.scores[: i + 1]) / (i + 1) for i in range(len(one.scores))]
        state = TrialState.COMPLETE if one.is_complete else TrialState.PRUNED
        return optuna.create_trial(
            state=state,
            params=values,
            distributions=spaces,
            value=self._sign * means[-1] if one.is_complete else None,
            intermediate_values={i: self._sign * mean for i, mean in enumerate(means)},
        )


def _stored(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _rounded(value: float) -> float:
    """Return a number that people can read and type again."""
    return float(f"{value:.4g}")


def _key(algorithm: str, searched: _Values) -> str:
    return repr((algorithm, sorted(searched.items())))


def _is_default(service: type[BaseMLService], searched: _Values) -> bool:
    return all(searched.get(p.name) == _stored(p.default) for p in service.hyperparameters if p.name in searched)


def _fits(parameter: Hyperparameter, value: Any) -> bool:
    """Say whether a value lies where a search looks: a default such as "from the data" does not."""
    if isinstance(parameter.search, Range):
        return isinstance(value, int | float) and parameter.search.low <= value <= parameter.search.high
    return value in [_stored(one) for one in parameter.search or ()]


def _place(parameter: Hyperparameter, value: Any) -> Any:
    return value if isinstance(parameter.search, Range) else [_stored(one) for one in parameter.search or ()].index(value)


def _distribution(parameter: Hyperparameter) -> BaseDistribution:
    values = parameter.search
    if not isinstance(values, Range):
        return CategoricalDistribution(list(range(len(values or ()))))
    if parameter.kind == "integer":
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)
