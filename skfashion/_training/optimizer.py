"""An optimizer whose learning rate depends on depth."""

from functools import lru_cache

import numpy as np

from .._keras.fused_adam import FusedAdam
from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import keras, tf
from .._networks.graph import to_numpy
from .learning_rates import LearningRates
from .trainer_spec import UpdateSpec


class DepthOptimizer:
    """Keras' `MultiOptimizer` with one optimizer for each depth.

    Scaled gradients would not do: the steps of Adam and its kin do not depend on their scale.

    Parameters
    ----------
    spec : UpdateSpec
        Which optimizer.
    variables : list of keras.Variable
        The variables to train.
    depths : list of (int or None)
        Depth from the head of each variable, as `LearningRates.peak_rate` takes it.
    """

    def __init__(self, spec: UpdateSpec, variables, depths):
        by_depth = {depth: _make_optimizer(spec) for depth in dict.fromkeys(depths)}
        by_variable = {
            id(variable): by_depth[depth] for variable, depth in zip(variables, depths, strict=True)
        }
        self._optimizer = keras.optimizers.MultiOptimizer(
            lambda variable: by_variable[id(variable)]
        )
        self._weight_decay = tf.Variable(0.0, dtype=tf.float64) if spec.decays else None
        if spec.decays:
            for optimizer in by_depth.values():
                # Kernels decay. Biases of attention have two axes, one for the heads.
                kept = [v for v in variables if len(v.shape) < 2 or v.name == "bias"]
                optimizer.exclude_from_weight_decay(kept)
                optimizer.weight_decay = self._weight_decay
        self._optimizer.build(variables)
        self._depths = list(by_depth)
        self._fresh_state = [_compress_constant(values) for values in self.state()]

    def __len__(self) -> int:
        return len(self._depths)

    @property
    def variables(self) -> list:
        """Moments, numbers of steps and rates."""
        return self._optimizer.variables

    def state(self) -> list[np.ndarray]:
        """Return a copy of the variables' values."""
        return [to_numpy(variable) for variable in self.variables]

    @property
    def n_updates(self):
        """The number of updates since it started afresh."""
        return self._optimizer.iterations.value

    def start(self, rates: LearningRates, weight_decay=None, state=None) -> list[float]:
        """Start from a state, or afresh; return the peak rate of each depth."""
        if self._weight_decay is not None:
            self._weight_decay.assign(weight_decay)
        for variable, values in zip(self.variables, state or self._fresh_state, strict=True):
            variable.assign(values)
        peaks = [rates.peak_rate(depth) for depth in self._depths]
        self.assign_rates(peaks)
        return peaks

    def assign_rates(self, rates) -> None:
        """Set the rate of each depth."""
        for optimizer, rate in zip(self._optimizer.optimizers, rates, strict=True):
            optimizer.learning_rate.assign(rate)

    def apply(self, gradients) -> None:
        """Take a step; gradients are in the order of the variables to train."""
        self._optimizer.apply(gradients)


def _make_optimizer(spec: UpdateSpec):
    # Keras' optimizers decay weights only if there is a number when they are made.
    options: dict = {"weight_decay": 0.0} if spec.decays else {}
    if spec.momentum:
        options |= {"momentum": spec.momentum, "nesterov": True}
    if spec.optimizer == "adam":
        return FusedAdam(**options)
    return keras.optimizers.get({"class_name": spec.optimizer, "config": options})


def _compress_constant(array):
    """Return an array of one repeated value as a view that takes no memory; else the array."""
    if array.size and (array == array.flat[0]).all():
        return np.broadcast_to(array.flat[0].copy(), array.shape)
    return array


@lru_cache
def default_learning_rate(optimizer: str) -> float:
    """Return the default learning rate of a Keras optimizer."""
    with fresh_keras_state():
        return float(to_numpy(keras.optimizers.get(optimizer).learning_rate))
