"""Inference with Keras models whose weights are arguments, in batches of one fixed size."""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cached_property
from threading import Lock
from typing import Protocol

import numpy as np

from .._data.read_ahead import read_ahead
from .._keras.global_state import fresh_keras_state
from .._keras.merged_batch_norm import merged_batch_norm
from .._keras.tensorflow import tf
from .._keras.threads import call_in_threads, count_threads
from .._keras.tracing import trace
from .architecture import BodyArchitecture, Weights


def call_with_weights(model, weights, inputs):
    """Return a Keras model's output in inference mode; `weights` are ordered as `model.weights`."""
    known = {id(v): value for v, value in zip(model.weights, weights, strict=True)}
    outputs, _ = model.stateless_call(
        [known[id(v)] for v in model.trainable_variables],
        # The seeds of dropout are also variables. Inference does not read them.
        [known.get(id(v), v.value) for v in model.non_trainable_variables],
        inputs,
        training=False,
    )
    return outputs


def weight_specs(model) -> list:
    """Return the shapes and types of a Keras model's weights, as `call_with_weights` takes them."""
    return [tf.TensorSpec(variable.shape, variable.dtype) for variable in model.weights]


def weight_tensors(model, weights: Weights) -> list:
    """Return a Keras model's weights as tensors, as `call_with_weights` takes them."""
    return [tf.convert_to_tensor(weights[variable.path]) for variable in model.weights]


def pad_rows(rows, n_rows: int, dtype) -> np.ndarray:
    """Return rows of a type, followed by as many rows of zeros as are missing."""
    rows = np.asarray(rows, dtype)
    if len(rows) == n_rows:
        return rows
    zeros = np.zeros((n_rows - len(rows), *rows.shape[1:]), dtype)
    return np.concatenate([rows, zeros])


class BatchFunction(Protocol):
    """A function of batches of one size, whose weights are arguments."""

    batch_size: int
    float_type: str
    output_shape: tuple[int, ...]

    def bind(self, weights: Weights) -> Callable:
        """Return a function from a batch to the output, with these weights."""


class FixedBatchFunction:
    """A Keras model in inference mode, traced for batches of one size at its first use.

    Parameters
    ----------
    model : keras.Model
        A model with one input and one output.
    architecture : BodyArchitecture
        The architecture that the model is a part of. It determines batch size and type.
    activation : callable, default=tf.identity
        Function that is applied to the model's output.
    """

    def __init__(self, model, architecture: BodyArchitecture, activation=tf.identity):
        self.model, self._architecture, self._activation = model, architecture, activation
        self.paths = [variable.path for variable in model.weights]
        self.float_type = architecture.float_type
        self.batch_size = architecture.prediction_batch
        self.output_shape = tuple(model.outputs[0].shape[1:])
        self._tracing = Lock()

    def bind(self, weights: Weights) -> Callable:
        """Return a function from a batch to the output, with these weights."""
        with self._tracing:
            run = self._run
        # `paths` is kept, because `model.weights` is collected again at each access.
        tensors = [tf.convert_to_tensor(weights[path]) for path in self.paths]
        return lambda batch: run(tensors, batch)

    @cached_property
    def _run(self):
        """The traced function. Nothing is traced for outputs that are all found in a store."""
        model, architecture = self.model, self._architecture
        with (
            fresh_keras_state(architecture.dtype),
            merged_batch_norm(model, architecture.backbone.stages),
        ):
            return trace(
                self._compute,
                weight_specs(model),
                tf.TensorSpec((self.batch_size, *model.inputs[0].shape[1:]), self.float_type),
            )

    def _compute(self, weights, batch):
        outputs = call_with_weights(self.model, weights, batch)
        return tf.cast(self._activation(outputs), self.float_type)


def run_batches(
    functions: Sequence[BatchFunction],
    weights: Weights,
    inputs,
    outputs: np.ndarray | None = None,
    indices: np.ndarray | None = None,
) -> np.ndarray:
    """Apply functions one after the other to all inputs, batch by batch.

    The last batch is padded, so the result of a row does not depend on the number of rows, and
    nothing is traced again.

    Parameters
    ----------
    functions : sequence of BatchFunction
        At least one. Each takes the output of the one before it.
    weights : dict of str to ndarray
        Weights by path.
    inputs : array-like of shape (n, ...)
        Inputs of the first function: anything with a shape whose slices are arrays.
    outputs : ndarray, default=None
        Array to write the results to; `None` for a new one.
    indices : ndarray of int of shape (n,), default=None
        The row of `outputs` for each result; `None` for the first n rows in order.

    Returns
    -------
    ndarray
        `outputs`.
    """
    last, steps = functions[-1], [function.bind(weights) for function in functions]
    if outputs is None:
        outputs = np.empty((len(inputs), *last.output_shape), last.float_type)
    starts = range(0, len(inputs), last.batch_size)
    batches = (inputs[start : start + last.batch_size] for start in starts)

    def run_batch(start_and_rows):
        start, rows = start_and_rows
        result = tf.convert_to_tensor(pad_rows(rows, last.batch_size, last.float_type))
        for step in steps:
            result = step(result)
        at = slice(start, start + len(rows))
        outputs[at if indices is None else indices[at]] = result[: len(rows)]

    # A thread waits at the end of each layer for the other threads of TensorFlow. A second batch
    # uses that time.
    n_threads = min(2, count_threads(tf.config.threading), len(starts))
    with closing(read_ahead(batches, inputs)) as read:
        call_in_threads(run_batch, zip(starts, read, strict=True), n_threads)
    return outputs
