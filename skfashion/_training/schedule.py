"""How learning rates change over the epochs of a phase."""

from typing import Any, NamedTuple

import numpy as np

from .._keras.tensorflow import tf
from .learning_rates import LearningRates


class ScheduleWindow(NamedTuple):
    """The part of a phase that an epoch covers, and the phase's schedule, as tensors.

    Attributes
    ----------
    begin, end : float
        Share of the phase that is done when the epoch begins and ends, from 0 to 1.
    warmup : float
        Share of the phase in which rates rise linearly from zero.
    cosine : float
        1 if rates fall to zero by half a cosine after the warm-up, else 0.
    linear : float
        1 if they fall to zero in a straight line, else 0.
    """

    begin: Any
    end: Any
    warmup: Any
    cosine: Any
    linear: Any

    @classmethod
    def from_rates(cls, rates: LearningRates, begin: float, end: float) -> "ScheduleWindow":
        """Return the window of an epoch from `begin` to `end` in its phase."""
        falls = (rates.schedule == name for name in ("cosine", "linear"))
        return cls(*(tf.constant(n, tf.float32) for n in (begin, end, rates.warmup, *falls)))

    def multiplier(self, before, after):
        """Return the factor by which peak rates are multiplied in a step.

        Parameters
        ----------
        before, after : tf.Tensor
            Share of the epoch that is done before and after the step, from 0 to 1.
        """
        length = self.end - self.begin
        before, after = self.begin + length * before, self.begin + length * after
        rising = tf.minimum(1.0, tf.math.divide_no_nan(after, self.warmup))
        rising = tf.where(self.warmup > 0, rising, 1.0)
        falling = tf.clip_by_value((before - self.warmup) / (1 - self.warmup), 0.0, 1.0)
        along_cosine = self.cosine * (1 - tf.cos(np.pi * falling)) / 2
        return rising * (1 - along_cosine - self.linear * falling)
