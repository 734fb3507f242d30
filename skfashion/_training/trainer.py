"""Whole epochs inside one traced function, over the part of a network that trains.

A `Trainer` holds TensorFlow variables, so one fit at a time may use it. What a fit leaves in it is
overwritten before the next one starts.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .._data import chunks
from .._data.chunks import chunk_rows
from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import keras, tf
from .._networks.architecture import Architecture
from .._networks.graph import Weights, call_with_weights, to_numpy
from .._networks.network import get_network
from .augmentation import Flips, build_augmentation
from .learning_rates import LearningRates
from .optimizer import Course, DepthOptimizer

_TOTALS = tf.TensorSpec([3], tf.float64)


@dataclass(frozen=True)
class Program:
    """What determines a traced training function: two equal ones are interchangeable.

    Parameters
    ----------
    architecture : Architecture
        The network.
    freeze_point : str or None
        Where it is cut.
    optimizer : str
        Name of a Keras optimizer.
    rates_change : bool
        Whether learning rates change from step to step.
    clips : bool
        Whether gradients are bounded.
    flips : Flips
        Mirror images that an image may become in an epoch.
    augmentation : tuple of (name, amount)
        Other random changes, new in every epoch.
    from_features : bool
        Whether the trainer is fed with the frozen part's outputs, or with images that go
        through the frozen part in every epoch.
    input_type : str
        Type of what it is fed with.
    """

    architecture: Architecture
    freeze_point: str | None
    optimizer: str
    rates_change: bool
    clips: bool
    flips: Flips
    augmentation: tuple[tuple[str, float | str], ...]
    from_features: bool
    input_type: str

    @property
    def trained(self) -> tuple:
        """What the optimizer's variables belong to: those of one equal program fit the other."""
        return self.optimizer, self.freeze_point, self.architecture


@dataclass
class Rows:
    """What a trainer is fed with.

    Parameters
    ----------
    inputs : tf.Tensor or array
        `LazyImages`, or features of the frozen part: with flips, of each mirror image, one after
        the other. A tensor is on the device as a whole. Other inputs are copied in windows.
    targets : ndarray of shape (n,)
        Encoded labels.
    weights : ndarray of shape (n,)
        Weights that average one.
    """

    inputs: Any
    targets: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def are_resident(self) -> bool:
        """Whether all inputs are on the device."""
        return isinstance(self.inputs, tf.Tensor)


class Trainer:
    """The trainable part of a network, its optimizer, and their traced functions.

    Parameters
    ----------
    program : Program
        What to build.
    """

    def __init__(self, program: Program):
        self.program = program
        self._float_type = program.architecture.float_type
        self._front, self._back = get_network(program.architecture).split_at(program.freeze_point)
        with fresh_keras_state(self._float_type):
            self._augmentation = build_augmentation(program.augmentation)
            self._trained = [_own(variable) for variable in self._back.trainable_variables]
            self._moving = [_own(variable) for variable in self._back.non_trainable_variables]
            behind = get_network(program.architecture).depth_from_head
            depths = [behind[variable.path] for variable in self._back.trainable_variables]
            self._optimizer = DepthOptimizer(program.optimizer, self._trained, depths)
        self._paths = [v.path for v in self._back.trainable_variables]
        self._moving_paths = [v.path for v in self._back.non_trainable_variables]
        self._weight_paths = {v.path for v in self._back.weights}
        self._through_front = self._front is not None and not program.from_features
        self._frozen: list = []

    @cached_property
    def _epoch(self):
        order, count = tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)
        rates, number = tf.TensorSpec([len(self._optimizer)], tf.float32), tf.TensorSpec([])
        course = Course(*[number] * len(Course._fields))
        run = tf.function(self._train_rows, autograph=False)
        with fresh_keras_state(self._float_type):
            return run.get_concrete_function(
                _TOTALS, *self._row_signature(), order, count, count, count, rates, course, number
            )

    @cached_property
    def _losses(self):
        run = tf.function(self._score_rows, autograph=False)
        return run.get_concrete_function(_TOTALS, *self._row_signature())

    @property
    def _row_shape(self):
        """The shape of what it is fed with for one image."""
        entrance = self._front if self._through_front else self._back
        return tuple(entrance.inputs[0].shape[1:])

    def _row_signature(self):
        frozen = self._front.weights if self._through_front else []
        return [
            tf.TensorSpec((None, *self._row_shape), self.program.input_type),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None], self._float_type),
            [tf.TensorSpec(v.shape, v.dtype) for v in frozen],
        ]

    # -- State -----------------------------------------------------------------------------

    def start(self, weights: Weights, pace: LearningRates, optimizer_state=None) -> None:
        """Begin anew from these weights; with a fresh optimizer unless its state is given."""
        for path, variable in self._variables():
            if path in weights:
                variable.assign(weights[path])
        if self._through_front:
            self._frozen = [tf.convert_to_tensor(weights[v.path]) for v in self._front.weights]
        self._pace, self._rates = pace, self._optimizer.start(pace, optimizer_state)

    @property
    def nbytes(self) -> int:
        """Bytes that its variables take."""
        variables = [*self._trained, *self._moving, *self._optimizer.variables]
        return sum(v.value.shape.num_elements() * v.value.dtype.size for v in variables)

    def _variables(self):
        yield from zip(self._paths, self._trained, strict=True)
        yield from zip(self._moving_paths, self._moving, strict=True)

    def release(self) -> None:
        """Let go of what belongs to the fit that ends."""
        self._frozen = []

    def weights(self) -> Weights:
        """Return a copy of the weights that train."""
        return {path: to_numpy(v) for path, v in self._variables() if path in self._weight_paths}

    def optimizer_state(self) -> list[np.ndarray]:
        """Return a copy of the optimizer's variables."""
        return self._optimizer.state()

    def seed(self, seeds, *stream) -> None:
        """Seed dropout and augmentation for one epoch."""
        random_states = [
            (path, v) for path, v in self._variables() if path not in self._weight_paths
        ]
        for layer in self._augmentation:
            random_states += [(f"augmentation/{v.path}", v) for v in layer.variables]
        for path, variable in random_states:
            variable.assign(np.array([seeds.integer(*stream, path), 0], "uint32"))

    # -- Training --------------------------------------------------------------------------

    def run_epoch(
        self, rows: Rows, order, variants, batch_size: int, begin: float = 0.0, end: float = 1.0
    ) -> tuple[float, float]:
        """Train on rows in this order; return mean loss and accuracy while training.

        Parameters
        ----------
        rows : Rows
            What to train on.
        order : ndarray of int
            Their order.
        variants : ndarray of int
            Which mirror image of each to take, in that order.
        batch_size : int
            Rows in a step.
        begin, end : float
            Which part of the phase this epoch is, from 0 to 1.
        """
        pace = (
            tf.constant(self._rates, tf.float32),
            Course.of(self._pace, begin, end),
            tf.constant(self._pace.clip_norm or 0.0, tf.float32),
        )
        count = len(order)
        totals = np.zeros(3)
        for window in self._windows(rows, count, batch_size):
            chosen, picked = self._pick(rows, order[window], variants[window])
            totals = self._epoch(
                totals,
                *self._arguments(chosen),
                tf.constant(picked, tf.int32),
                *(tf.constant(number, tf.int32) for number in (window.start, count, batch_size)),
                *pace,
            )
        return _means(totals)

    def evaluate(self, rows: Rows) -> tuple[float, float]:
        """Return mean loss and accuracy, in inference mode."""
        totals = np.zeros(3)
        batch_size = self.program.architecture.prediction_batch
        for window in self._windows(rows, len(rows), batch_size):
            chosen, _ = self._pick(rows, np.arange(len(rows))[window], 0)
            totals = self._losses(totals, *self._arguments(chosen))
        return _means(totals)

    def _windows(self, rows: Rows, count, batch_size):
        """Return slices of the order in which rows go: all at once, or whole batches."""
        if rows.are_resident:
            return [slice(0, count)]
        row_bytes = int(np.prod(self._row_shape)) * tf.as_dtype(self.program.input_type).size
        return list(chunk_rows(count, row_bytes, chunks.WINDOW_BYTES, batch_size))

    def _pick(self, rows: Rows, order, variants):
        """Return rows that are on the device, and the places in them of what comes next."""
        if rows.are_resident:
            return rows, order + variants * len(rows)
        places = np.arange(len(order))
        if self.program.from_features:
            read = rows.inputs[order + variants * len(rows)]
        else:
            read, places = rows.inputs[order], places + variants * len(order)
        inputs = tf.convert_to_tensor(read)
        return Rows(inputs, rows.targets[order], rows.weights[order]), places

    def _arguments(self, rows):
        return (
            rows.inputs,
            tf.convert_to_tensor(rows.targets),
            tf.convert_to_tensor(rows.weights),
            self._frozen,
        )

    def _train_rows(
        self,
        totals,
        inputs,
        targets,
        weights,
        frozen,
        picked,
        first,
        count,
        batch_size,
        rates,
        course,
        clip_norm,
    ):
        n_picked, n_rows = tf.size(picked), tf.size(targets)

        def train_batch(start):
            end = tf.minimum(start + batch_size, n_picked)
            places = picked[start:end]
            rows = places % n_rows
            if self.program.rates_change:
                before, after = (
                    tf.cast((first + done) / count, tf.float32) for done in (start, end)
                )
                self._optimizer.assign_rates(tf.unstack(rates * course.height(before, after)))
            if self.program.from_features:
                x = tf.gather(inputs, places)
            else:
                x = self._enter(tf.gather(inputs, rows), frozen, places // n_rows)
            return self._step(x, tf.gather(targets, rows), tf.gather(weights, rows), clip_norm)

        return _sum_over_batches(train_batch, totals, n_picked, batch_size)

    def _score_rows(self, totals, inputs, targets, weights, frozen):
        batch_size = self.program.architecture.prediction_batch

        def score_batch(start):
            rows = slice(start, start + batch_size)
            x = inputs[rows]
            if not self.program.from_features:
                x = self._enter(x, frozen)
            logits, _, _ = self._forward(x, training=False)
            losses = _cross_entropies(logits, targets[rows])
            return _totals(losses, logits, targets[rows], weights[rows])

        return _sum_over_batches(score_batch, totals, tf.size(targets), batch_size)

    def _enter(self, images, frozen, variants=None):
        """Bring images up to the cut: augmented if training, through the frozen part."""
        x = tf.cast(images, self._float_type)
        if variants is not None:
            x = self.program.flips.apply(x, variants)
            for layer in self._augmentation:
                x = layer(x, training=True)
        return call_with_weights(self._front, frozen, x) if self._through_front else x

    def _step(self, x, targets, weights, clip_norm):
        variables = [variable.value for variable in self._trained]
        with tf.GradientTape() as tape:
            logits, moved, penalties = self._forward(x, training=True)
            losses = _cross_entropies(logits, targets)
            loss = tf.reduce_mean(losses * weights)
            for penalty in penalties:
                loss += tf.cast(penalty, loss.dtype)
        gradients = tape.gradient(loss, variables)
        if self.program.clips:
            gradients, _ = tf.clip_by_global_norm(gradients, tf.cast(clip_norm, loss.dtype))
        self._optimizer.apply(gradients)
        for variable, value in zip(self._moving, moved, strict=True):
            variable.assign(value)
        return _totals(losses, logits, targets, weights)

    def _forward(self, x, training):
        return self._back.stateless_call(
            [variable.value for variable in self._trained],
            [variable.value for variable in self._moving],
            x,
            training=training,
            return_losses=True,
        )


def _own(variable):
    """Return a variable of the same kind that belongs to the trainer."""
    own = keras.Variable(
        np.zeros(variable.shape, variable.dtype), dtype=variable.dtype, name=variable.name
    )
    own.constraint = variable.constraint
    return own


def _sum_over_batches(totals_of_batch, totals, n_rows, batch_size):
    """Loop over batches inside the graph; return the totals of all rows, added to what there is."""
    _, totals = tf.while_loop(
        lambda start, _: start < n_rows,
        lambda start, totals: (start + batch_size, totals + totals_of_batch(start)),
        (tf.constant(0), totals),
    )
    return totals


def _means(totals) -> tuple[float, float]:
    """Return the weighted mean loss and accuracy."""
    weight, loss, hits = np.asarray(totals)
    return float(loss / weight), float(hits / weight)


def _cross_entropies(logits, targets):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


def _totals(losses, logits, targets, weights):
    """Return the sums of weights, weighted losses and weighted hits."""
    hits = tf.argmax(logits, axis=-1, output_type=tf.int32) == targets
    columns = [weights, weights * losses, weights * tf.cast(hits, weights.dtype)]
    return tf.stack([tf.reduce_sum(tf.cast(column, tf.float64)) for column in columns])
