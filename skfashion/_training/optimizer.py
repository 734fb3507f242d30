"""An optimizer whose learning rate depends on depth, and on how far a phase has come."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .._keras.fused_adam import FusedAdam
from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import keras, tf
from .._networks.graph import to_numpy
from .learning_rates import LearningRates


class Course(NamedTuple):
    """How rates go over an epoch, as numbers or tensors: what part of the phase it is, and how."""

    begin: Any
    end: Any
    warmup: Any
    cosine: Any

    @classmethod
    def of(cls, pace: LearningRates, begin: float, end: float) -> "Course":
        """Return the course of an epoch that is this part of a phase, from 0 to 1."""
        numbers = begin, end, pace.warmup, pace.schedule == "cosine"
        return cls(*(tf.constant(number, tf.float32) for number in numbers))

    def height(self, before, after):
        """Return what share of its peak a rate has in a step.

        Parameters
        ----------
        before, after : tf.Tensor
            What part of the epoch is done before the step, and after it.
        """
        length = self.end - self.begin
        before, after = self.begin + length * before, self.begin + length * after
        rising = tf.minimum(1.0, tf.math.divide_no_nan(after, self.warmup))
        rising = tf.where(self.warmup > 0, rising, 1.0)
        falling = tf.clip_by_value((before - self.warmup) / (1 - self.warmup), 0.0, 1.0)
        return rising * (1 - self.cosine * (1 - tf.cos(np.pi * falling)) / 2)


class _Part(NamedTuple):
    """A Keras optimizer, the depth that it is for, and where its variables stand among all."""

    depth_from_head: int | None
    places: list[int]
    optimizer: Any


class DepthOptimizer:
    """Keras optimizers of one kind, one for each depth: Adam's steps do not scale with gradients.

    Parameters
    ----------
    name : str
        Name of a Keras optimizer.
    variables : list of keras.Variable
        What it changes.
    depths : list of (int or None)
        How many stages of the body lie behind each of them; `None` in the head.
    """

    def __init__(self, name, variables, depths):
        places: dict[int | None, list[int]] = {}
        for place, depth in enumerate(depths):
            places.setdefault(depth, []).append(place)
        self._parts = [_Part(d, own, _make(name)) for d, own in places.items()]
        for part in self._parts:
            part.optimizer.build([variables[place] for place in part.places])
        self._fresh = [_compact(state) for state in self.state()]

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def variables(self) -> list:
        """Moments, steps and rates."""
        return [variable for part in self._parts for variable in part.optimizer.variables]

    def state(self) -> list[np.ndarray]:
        """Return a copy of the variables."""
        return [to_numpy(variable) for variable in self.variables]

    def start(self, pace: LearningRates, state=None) -> list[float]:
        """Begin afresh, or from a state; return the peak rate of each depth."""
        for variable, value in zip(self.variables, state or self._fresh, strict=True):
            variable.assign(value)
        rates = [pace.rate(part.depth_from_head) for part in self._parts]
        self.assign_rates(rates)
        return rates

    def assign_rates(self, rates) -> None:
        """Set the rate of each depth."""
        for part, rate in zip(self._parts, rates, strict=True):
            part.optimizer.learning_rate.assign(rate)

    def apply(self, gradients) -> None:
        """Take a step."""
        for part in self._parts:
            part.optimizer.apply([gradients[place] for place in part.places])


def _make(name):
    return FusedAdam() if name == "adam" else keras.optimizers.get(name)


def _compact(array):
    """Return a view that takes no memory of an array that is the same all over."""
    if array.size and (array == array.flat[0]).all():
        return np.broadcast_to(array.flat[0].copy(), array.shape)
    return array


@lru_cache
def default_learning_rate(optimizer: str) -> float:
    """Return the learning rate that a Keras optimizer has of its own accord."""
    with fresh_keras_state():
        return float(to_numpy(keras.optimizers.get(optimizer).learning_rate))
