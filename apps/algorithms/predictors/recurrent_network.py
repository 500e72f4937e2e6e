"""The light predictor of a recurrent network: stacked LSTM layers that correct a Theta forecast, in numpy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np

from apps.algorithms.predictors.arrays import load_arrays, save_arrays
from apps.algorithms.predictors.finish import Doubles
from apps.algorithms.predictors.windows import Cut, Singles, Windows, last_rows, prepare

HEAD = ("of_rows", "of_state", "of_ahead", "of_window", "places", "to_quantiles", "offsets")
_FACTS = ("covariates", "level", "epochs", "spread")
_LARGEST = float(np.finfo(np.float64).max)
_AT_ONCE = 512  # series forecast in one pass


@dataclass(frozen=True)
class Weights:
    """Single-precision weights of one network.

    A layer has `kernels` (inputs + units, 4 units; gates input, forget, cell, output) and `biases` (4 units). The head adds
    what the rows themselves, the last state, a row ahead, the window and the place in the horizon say: `of_rows`
    (2 sequence, m), `of_state` (units, m), `of_ahead` (inputs, m), `of_window` (6, m), `places` (H, m); `to_quantiles` (m, 3)
    and `offsets` (H, 3) make the outputs of its tanh.
    """

    kernels: tuple[Singles, ...]
    biases: tuple[Singles, ...]
    of_rows: Singles
    of_state: Singles
    of_ahead: Singles
    of_window: Singles
    places: Singles
    to_quantiles: Singles
    offsets: Singles

    def arrays(self) -> dict[str, Singles]:
        """Return every array by name."""
        layers = {f"kernel_{i}": kernel for i, kernel in enumerate(self.kernels)}
        layers |= {f"bias_{i}": bias for i, bias in enumerate(self.biases)}
        return layers | {name: getattr(self, name) for name in HEAD}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Return the weights that `arrays` told."""
        layers = sum(name.startswith("kernel_") for name in arrays)
        kernels, biases = (tuple(arrays[f"{name}_{i}"] for i in range(layers)) for name in ("kernel", "bias"))
        return cls(kernels, biases, **{name: arrays[name] for name in HEAD})


@dataclass(frozen=True)
class RecurrentNetwork:
    """Forecasts `cut.horizon` rows of any series like those it learned from, as three quantiles.

    `covariates` is how many known inputs a row has, `level` the share of outcomes between the outer quantiles, `spread`
    widens them below and above, as rows held back asked for; `epochs` says how many the weights come from: after 0 it
    answers what Theta does.
    """

    cut: Cut
    covariates: int
    level: float
    epochs: int
    weights: Weights
    spread: tuple[float, float] = (1.0, 1.0)

    @property
    def sequence_length(self) -> int:
        """Rows that the network reads: what was asked for, or fewer where the series were short."""
        return self.cut.sequence_length

    @property
    def context(self) -> int:
        """Rows of a series that a forecast looks at; it can do with fewer, then treated as missing."""
        return self.cut.context

    @property
    def size_bytes(self) -> int:
        """Bytes of its arrays."""
        return sum(int(array.nbytes) for array in self.weights.arrays().values())

    def forecast(self, values: Sequence[Doubles], covariates: Sequence[Doubles] | None, horizon: int) -> Doubles:
        """Return low, median and high (series, horizon, 3) of what follows each series.

        Parameters
        ----------
        values : rows on the grid, NaN where one is missing; only the last `context` are looked at.
        covariates : (rows + horizon, k) for each series, its last rows those ahead; None without covariates.
        horizon : at most that of the training.

        Raises
        ------
        ValueError : the horizon is longer than it learned, or the covariates are others.

        """
        found = np.zeros((len(values), self.cut.horizon, 3))
        for some, windows in self._windows(values, covariates, horizon):
            answers = windows.base[:, :, None] + windows.scale[:, None, None] * self._widened(self.outputs(windows))
            with np.errstate(over="ignore"):  # of series near the largest numbers there are
                found[some] = windows.unit[:, None, None] * answers
        return np.clip(found[:, :horizon], -_LARGEST, _LARGEST)

    def base_forecast(self, values: Sequence[Doubles], covariates: Sequence[Doubles] | None, horizon: int) -> Doubles:
        """Return the Theta forecast (series, horizon) that the network corrects; as `forecast`."""
        found = np.zeros((len(values), self.cut.horizon))
        for some, windows in self._windows(values, covariates, horizon):
            found[some] = windows.unit[:, None] * windows.base
        return np.clip(found[:, :horizon], -_LARGEST, _LARGEST)

    def _windows(
        self, values: Sequence[Doubles], covariates: Sequence[Doubles] | None, horizon: int
    ) -> Iterator[tuple[slice, Windows]]:
        cut = self.cut
        if not 1 <= horizon <= cut.horizon:
            raise ValueError(f"The network forecasts 1 to {cut.horizon} rows, not {horizon}.")
        for start in range(0, len(values), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            past = np.stack([last_rows(one, cut.context) for one in values[some]])
            given = None if covariates is None else covariates[some]
            yield some, prepare(past, known_rows(given, values[some], self.covariates, cut, horizon), cut)

    def outputs(self, windows: Windows) -> Doubles:
        """Return low, median and high in scales from the base (N, H, 3), before they are widened."""
        return quantiles(self._network.raw(windows))

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the arrays into a folder; return the facts that `load` takes beside them."""
        arrays = self.weights.arrays()
        save_arrays(SimpleNamespace(**arrays), arrays, folder)
        facts = {name: getattr(self, name) for name in _FACTS}
        return {**facts, "cut": asdict(self.cut), "layers": len(self.weights.kernels)}

    @classmethod
    def load(cls, folder: Path, facts: Mapping[str, Any]) -> Self:
        """Map what `save` wrote."""
        layers = [f"{name}_{i}" for i in range(facts["layers"]) for name in ("kernel", "bias")]
        weights = Weights.of_arrays(load_arrays((*layers, *HEAD), folder))
        told = {name: facts[name] for name in _FACTS}
        return cls(cut=Cut(**facts["cut"]), weights=weights, **{**told, "spread": tuple(facts["spread"])})

    def _widened(self, outputs: Doubles) -> Doubles:
        below, above = self.spread
        low, middle, high = np.moveaxis(outputs, 2, 0)
        return np.stack([middle - below * (middle - low), middle, middle + above * (high - middle)], axis=2)

    @cached_property
    def _network(self) -> "_Runnable":
        return _Runnable(self.weights)


class _Runnable:
    """A network laid out for numpy: sigmoids are had from one tanh over all gates, `sigmoid(x) = tanh(x / 2) / 2 + 1 / 2`."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._layers = []
        for kernel, bias in zip(weights.kernels, weights.biases, strict=True):
            units = len(bias) // 4
            halves = np.full(4 * units, 0.5, dtype=np.float32)
            halves[2 * units : 3 * units] = 1.0  # the cell's gate is a tanh itself
            inputs = len(kernel) - units
            self._layers.append((kernel[:inputs] * halves, kernel[inputs:] * halves, bias * halves, units))

    def raw(self, windows: Windows) -> Singles:
        """Return the three outputs of each row ahead (N, H, 3)."""
        steps = windows.steps
        rows = steps.transpose(1, 0, 2)
        for layer in self._layers:
            rows = _layer(rows, *layer)
        weights = self._weights
        shared = rows[-1] @ weights.of_state + windows.about @ weights.of_window
        shared += steps[:, :, :2].reshape(len(steps), -1) @ weights.of_rows
        hidden = np.tanh(shared[:, None, :] + windows.ahead @ weights.of_ahead + weights.places)
        found: Singles = hidden @ weights.to_quantiles + weights.offsets
        return found


def _layer(rows: Singles, of_input: Singles, of_state: Singles, bias: Singles, units: int) -> Singles:
    """Return the states of one LSTM layer (Hochreiter, Schmidhuber 1997; forget gate of Gers 2000) after each row."""
    gates = rows @ of_input + bias
    states = np.empty((*rows.shape[:2], units), dtype=np.float32)
    cell, state = np.zeros((2, rows.shape[1], units), dtype=np.float32)
    for row in range(len(rows)):
        own = gates[row]
        own += state @ of_state
        np.tanh(own, out=own)
        fresh = own[:, 2 * units : 3 * units].copy()
        own *= 0.5
        own += 0.5
        cell *= own[:, units : 2 * units]
        cell += own[:, :units] * fresh
        state = np.multiply(own[:, 3 * units :], np.tanh(cell), out=states[row])
    return states


def quantiles(raw: Singles) -> Doubles:
    """Return low, median and high of raw outputs: the outer ones lie a softplus away from the median."""
    middle = raw[..., 1].astype(np.float64)
    below, above = (np.logaddexp(0.0, raw[..., side].astype(np.float64)) for side in (0, 2))
    return np.stack([middle - below, middle, middle + above], axis=-1)


def known_rows(
    covariates: Sequence[Doubles] | None, values: Sequence[Doubles], wanted: int, cut: Cut, horizon: int
) -> Doubles:
    """Return the covariates of each series' last rows and of those ahead (N, C + H, k); 0 where there are none."""
    found = np.zeros((len(values), cut.context + cut.horizon, wanted))
    if not wanted:
        return found
    for own, one, series in zip(found, covariates or (), values, strict=True):
        if one.shape[1:] != (wanted,) or len(one) < len(series) + horizon:
            raise ValueError(f"The covariates have the shape {one.shape}, not ({len(series)} + {horizon}, {wanted}).")
        ends = len(series) + min(cut.horizon, len(one) - len(series))
        part = one[max(0, len(series) - cut.context) : ends]
        start = cut.context - min(cut.context, len(series))
        own[start : start + len(part)] = part
    return found
