"""Outputs of several layers side by side, from one pass through a body."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from .._keras.tensorflow import tf
from .architecture import Weights
from .batch_function import FixedBatchFunction
from .body import Body, Output


def slices_of(outputs: Sequence[Output]) -> list[slice]:
    """Return the place of each output in the vector that has all of them side by side."""
    ends = np.cumsum([output.width for output in outputs]).tolist()
    return [slice(end - output.width, end) for end, output in zip(ends, outputs, strict=True)]


class PooledPass:
    """The function from a tensor of a body to vectors of layers after it, for `run_batches`.

    Parameters
    ----------
    body : Body
        The body.
    begin : KerasTensor
        The images, or a tensor on the path to each of the layers.
    outputs : sequence of Output
        At least one.
    """

    def __init__(self, body: Body, begin, outputs: Sequence[Output]):
        self.batch_size = body.architecture.prediction_batch
        self.float_type = body.architecture.float_type
        self._steps: list[tuple[FixedBatchFunction, int]] = []
        self._index = {begin: 0}
        self._results = [self._add(body, output) for output in outputs]
        self.output_shape: tuple[int, ...] = (slices_of(outputs)[-1].stop,)

    def _add(self, body, output):
        """Add the steps to an output that are not there yet; return the index of its value."""
        path = body.path_to(output.tensor)
        # The path has one tensor at least of those that are there: the first of the pass.
        while path[0] not in self._index:
            path = path[1:]
        for begin, end in pairwise(path):
            if end not in self._index:
                self._add_step(end, body.function_between(begin, end), begin)
        if output.pooling == "flatten":
            return self._index[output.tensor]
        if output not in self._index:
            self._add_step(output, body.pooling_function(output), output.tensor)
        return self._index[output]

    def _add_step(self, value, function, source):
        self._steps.append((function, self._index[source]))
        self._index[value] = len(self._steps)

    def bind(self, weights: Weights) -> Callable:
        """Return a function from a batch to the vectors, with these weights."""
        last_use = {source: number for number, (_, source) in enumerate(self._steps)}
        steps = [
            (function.bind(weights), source, last_use[source] == number)
            for number, (function, source) in enumerate(self._steps)
        ]

        def run(batch):
            values = {0: batch}
            for number, (step, source, is_last_use) in enumerate(steps, 1):
                values[number] = step(values[source])
                if is_last_use and source not in self._results:
                    del values[source]
            vectors = [tf.reshape(values[index], (self.batch_size, -1)) for index in self._results]
            return tf.concat(vectors, axis=1) if len(vectors) > 1 else vectors[0]

        return run
