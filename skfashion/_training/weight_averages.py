"""Exponential moving averages of variables while they train."""

import numpy as np

from .._keras.tensorflow import tf
from .._networks.graph import copy_variable, to_numpy


class WeightAverages:
    """Averages [1]_ of a network's floating-point variables, those that do not train included.

    Keras' optimizers have `use_ema`, which leaves out the averages of batch normalisation, and
    begins with the initial weights.

    Parameters
    ----------
    variables : list of keras.Variable
        Variables to average.

    References
    ----------
    .. [1] Polyak, Juditsky: "Acceleration of Stochastic Approximation by Averaging", SIAM Journal
       on Control and Optimization 30(4), 1992.
    """

    def __init__(self, variables):
        self._averages = {id(variable): copy_variable(variable) for variable in variables}
        self._variables = variables

    def average_of(self, variable):
        """Return the average of a variable; the variable itself if it is not averaged."""
        return self._averages.get(id(variable), variable)

    @property
    def variables(self) -> list:
        """The averages."""
        return list(self._averages.values())

    def state(self) -> list[np.ndarray]:
        """Return a copy of the values that training continues from, which are not averaged."""
        return [to_numpy(variable) for variable in self._variables]

    def start(self, state: list[np.ndarray] | None) -> None:
        """Let training start from a state; by default from the averages."""
        values = state or [average.value for average in self._averages.values()]
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)

    def update(self, decay, n_updates) -> None:
        """Move the averages towards the variables, after an update.

        Parameters
        ----------
        decay : tf.Tensor
            Factor of the old averages, from 0 to 1.
        n_updates : tf.Tensor
            Number of updates until now. The first ones have a smaller factor, so that the averages
            of a short phase do not keep the initial weights.
        """
        n_updates = tf.cast(n_updates, decay.dtype)
        step = 1 - tf.minimum(decay, n_updates / (n_updates + 9))
        for variable, average in zip(self._variables, self._averages.values(), strict=True):
            difference = variable.value - average.value
            average.assign_add(difference * tf.cast(step, difference.dtype))
