"""TensorFlow's part of a recurrent network: the same outputs as the light predictor's, their loss, and steps downhill."""

from typing import Any

import numpy as np
import numpy.typing as npt

from apps.algorithms.engine.recurrent_windows import Examples
from apps.algorithms.predictors.recurrent_network import Weights

_WARMING = 20  # steps over which the learning rate rises
_LAST_RATE = 0.02  # of the first: where the cosine ends
_AVERAGED = 0.99  # of the mean of the weights is kept at a step
_MOMENTS = (0.9, 0.999, 1e-7)  # Kingma, Ba 2015
_LONGEST = 1.0  # length of a gradient
_MOST_LAYERS = 64  # that draw what they drop each for themselves
_AT_ONCE = 512  # windows whose loss is computed in one pass


class Trainer:
    """Steps of Adam down the pinball loss, one compiled graph an epoch; what counts is the moving mean of the weights.

    Everything random is drawn from `seed` and the number of the step, so that the same seed gives the same weights to the bit.
    """

    def __init__(
        self, start: Weights, learned: Examples, *, batch: int, windows: int, epochs: int, learning_rate: float,
        dropout: float, level: float, seed: int, threads: int,
    ) -> None:  # fmt: skip
        tf = self._tf = _tensorflow(threads)
        self._rows = len(learned.targets)
        self._batch = int(np.clip(self._rows // 16, 1, batch))
        self._steps = max(1, min(self._rows, windows) // self._batch)
        self._all_steps, self._rate, self._dropout = float(self._steps * epochs), learning_rate, dropout
        self._shares = ((1 - level) / 2, 0.5, (1 + level) / 2)
        self._seed, self._chance = seed * _MOST_LAYERS, np.random.default_rng(seed)
        self._learned = tuple(map(tf.constant, learned.fed()))
        self._shapes = {name: array.shape for name, array in start.arrays().items()}
        flat = np.concatenate([array.ravel() for array in start.arrays().values()])
        self._now, self._mean = tf.Variable(flat), tf.Variable(flat)
        self._first, self._second = tf.Variable(np.zeros_like(flat)), tf.Variable(np.zeros_like(flat))
        self._count = tf.Variable(0, dtype=tf.int64)
        self._epoch = tf.function(self._walk)
        self._measure = tf.function(self._loss_of_mean, reduce_retracing=True)

    def epoch(self) -> float:
        """Learn from windows drawn anew; return their mean loss."""
        order = self._chance.permutation(self._rows)[: self._steps * self._batch]
        batches = self._tf.data.Dataset.from_tensor_slices(order).batch(self._batch, drop_remainder=True)
        return float(self._epoch(batches))

    def loss(self, held: Examples) -> float:
        """Return the mean loss on windows held back."""
        arrays = held.fed()
        parts = [[array[at : at + _AT_ONCE] for array in arrays] for at in range(0, len(held.targets), _AT_ONCE)]
        losses = [float(self._measure(*map(self._tf.constant, part))) for part in parts]
        return float(np.average(losses, weights=[part[-1].sum() + 1e-9 for part in parts]))

    def weights(self) -> Weights:
        """Return the moving mean of the weights."""
        return Weights.of_arrays({name: part.numpy() for name, part in self._named(self._mean).items()})

    def _named(self, flat: Any) -> dict[str, Any]:
        """Return the weights by name of all in one row, as which they are fastest to change."""
        parts = self._tf.split(flat, [int(np.prod(shape)) for shape in self._shapes.values()])
        return {n: self._tf.reshape(part, shape) for part, (n, shape) in zip(parts, self._shapes.items(), strict=True)}

    def _walk(self, batches: Any) -> Any:
        total = 0.0
        for some in batches:
            total += self._step(some)
        return total / float(self._steps)

    def _step(self, some: Any) -> Any:
        tf = self._tf
        *inputs, targets, weights = (tf.gather(part, some) for part in self._learned)
        seed = tf.stack([tf.constant(self._seed, tf.int64), self._count])
        with tf.GradientTape() as tape:
            loss = self._pinball(
                outputs(self._named(self._now), *inputs, dropout=self._dropout, seed=seed), targets, weights
            )
        gradient = tf.clip_by_norm(tape.gradient(loss, self._now), _LONGEST)
        self._count.assign_add(1)
        self._follow(gradient, tf.cast(self._count, tf.float32))
        return loss

    def _follow(self, gradient: Any, step: Any) -> None:
        tf, (first, second, tiny) = self._tf, _MOMENTS
        cosine = (1.0 + tf.cos(np.pi * tf.minimum(step / self._all_steps, 1.0))) / 2.0
        rate = self._rate * tf.minimum(1.0, step / _WARMING) * (_LAST_RATE + (1.0 - _LAST_RATE) * cosine)
        rate *= tf.sqrt(1.0 - second**step) / (1.0 - first**step)
        kept = tf.minimum(_AVERAGED, step / (step + 10.0))
        one = self._first.assign(first * self._first + (1.0 - first) * gradient)
        two = self._second.assign(second * self._second + (1.0 - second) * gradient * gradient)
        self._now.assign_sub(rate * one / (tf.sqrt(two) + tiny))
        self._mean.assign(kept * self._mean + (1.0 - kept) * self._now)

    def _loss_of_mean(self, steps: Any, ahead: Any, about: Any, targets: Any, weights: Any) -> Any:
        return self._pinball(outputs(self._named(self._mean), steps, ahead, about), targets, weights)

    def _pinball(self, raw: Any, targets: Any, weights: Any) -> Any:
        """Return twice the mean pinball loss of the three quantiles (Koenker, Bassett 1978)."""
        tf = self._tf
        middle, total = raw[..., 1], 0.0
        three = (middle - tf.nn.softplus(raw[..., 0]), middle, middle + tf.nn.softplus(raw[..., 2]))
        for quantile, share in zip(three, self._shares, strict=True):
            short = targets - quantile
            total += 2.0 * tf.maximum(share * short, (share - 1.0) * short)
        return tf.reduce_sum(total * weights) / tf.maximum(tf.reduce_sum(weights), 1e-6)


def outputs(weights: dict[str, Any], steps: Any, ahead: Any, about: Any, *, dropout: float = 0.0, seed: Any = None) -> Any:
    """Return the three raw outputs of each row ahead (N, H, 3), of `weights` by name."""
    import tensorflow as tf

    rows = tf.transpose(steps, [1, 0, 2])
    for layer in range(sum(name.startswith("kernel_") for name in weights)):
        kernel, bias = weights[f"kernel_{layer}"], weights[f"bias_{layer}"]
        units = bias.shape[0] // 4
        empty, none = tf.zeros([tf.shape(rows)[1], units]), tf.zeros([units])
        rows = tf.raw_ops.BlockLSTMV2(  # all rows in one operation: 4x a loop's speed, compiled or not
            seq_len_max=tf.shape(rows, out_type=tf.int64)[0], x=rows, cs_prev=empty, h_prev=empty, w=kernel, b=bias,
            wci=none, wcf=none, wco=none, cell_clip=0.0, use_peephole=False,
        ).h  # fmt: skip
        if dropout:
            rows = tf.nn.experimental.stateless_dropout(rows, dropout, seed=tf.add(seed, [layer, 0]))
    read = tf.reshape(steps[:, :, :2], [-1, weights["of_rows"].shape[0]])
    shared = rows[-1] @ weights["of_state"] + about @ weights["of_window"] + read @ weights["of_rows"]
    hidden = tf.tanh(shared[:, None, :] + tf.tensordot(ahead, weights["of_ahead"], 1) + weights["places"])
    if dropout:
        hidden = tf.nn.experimental.stateless_dropout(hidden, dropout, seed=tf.add(seed, [_MOST_LAYERS - 1, 0]))
    return tf.tensordot(hidden, weights["to_quantiles"], 1) + weights["offsets"]


def raw_outputs(weights: Weights, *inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return what TensorFlow makes of `steps`, `ahead` and `about`, to compare the light predictor with."""
    import tensorflow as tf

    found: npt.NDArray[np.float32] = outputs(
        {name: tf.constant(array) for name, array in weights.arrays().items()}, *map(tf.constant, inputs)
    ).numpy()
    return found


def _tensorflow(threads: int) -> Any:
    import tensorflow as tf

    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:  # it has computed in this process already, and keeps its threads
            pass
    tf.config.experimental.enable_op_determinism()
    return tf
