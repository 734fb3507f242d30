"""The trainable part of a network, trained by whole epochs inside one traced function.

A `Trainer` holds TensorFlow variables, so one fit at a time may use it. What a fit leaves in it is
overwritten before the next one starts.
"""

from functools import cached_property

import numpy as np

from .._data import chunks
from .._data.chunks import chunk_rows
from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import keras, tf
from .._networks.architecture import Weights
from .._networks.batch_function import call_with_weights
from .._networks.graph import to_numpy
from .._networks.network import get_network
from .augmentation import Flips, build_augmentation_layers
from .epoch_data import EncodedData, EpochPlan, EpochRates, WindowData, WindowOrder
from .learning_rates import LearningRates
from .optimizer import DepthOptimizer
from .schedule import ScheduleWindow
from .trainer_spec import OptimizerState, TrainerSpec

_TOTALS = tf.TensorSpec([3], tf.float64)


class Trainer:
    """The trainable part of a network, its optimizer, and their traced functions.

    Parameters
    ----------
    spec : TrainerSpec
        What to build.
    """

    def __init__(self, spec: TrainerSpec):
        self.spec = spec
        self._float_type = spec.architecture.float_type
        network = get_network(spec.architecture)
        self._front, self._back = network.split_at(spec.freeze_point)
        trainable, state = self._back.trainable_variables, self._back.non_trainable_variables
        with fresh_keras_state(self._float_type):
            self._augmentation = build_augmentation_layers(spec.augmentation)
            self._trainable = [_copy_variable(variable) for variable in trainable]
            self._state = [_copy_variable(variable) for variable in state]
            depths = [network.depth_from_head[variable.path] for variable in trainable]
            self._optimizer = DepthOptimizer(spec.optimizer, self._trainable, depths)
        self._trainable_paths = [variable.path for variable in trainable]
        self._state_paths = [variable.path for variable in state]
        self._weight_paths = {variable.path for variable in self._back.weights}
        self._runs_front = self._front is not None and not spec.from_features
        self._start_weights: Weights = {}
        self._frozen_weights: list = []

    @cached_property
    def _run_window(self):
        """The traced `_train_window`."""
        indices, number = tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)
        factor = tf.TensorSpec([])
        rates = EpochRates(
            tf.TensorSpec([len(self._optimizer)], tf.float32),
            ScheduleWindow(*[factor] * len(ScheduleWindow._fields)),
            factor,
        )
        run = tf.function(self._train_window, autograph=False)
        with fresh_keras_state(self._float_type):
            return run.get_concrete_function(
                _TOTALS, self._data_spec(), WindowOrder(indices, *[number] * 3), rates
            )

    @cached_property
    def _evaluate_window(self):
        """The traced `_score_window`."""
        run = tf.function(self._score_window, autograph=False)
        return run.get_concrete_function(_TOTALS, self._data_spec())

    @property
    def _row_shape(self):
        """The shape of the inputs of one image."""
        entrance = self._front if self._runs_front else self._back
        return tuple(entrance.inputs[0].shape[1:])

    def _data_spec(self):
        frozen = self._front.weights if self._runs_front else []
        return WindowData(
            tf.TensorSpec((None, *self._row_shape), self.spec.input_type),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None], self._float_type),
            [tf.TensorSpec(variable.shape, variable.dtype) for variable in frozen],
        )

    # -- State -----------------------------------------------------------------------------

    def start(
        self, weights: Weights, rates: LearningRates, state: OptimizerState | None = None
    ) -> None:
        """Start from these weights, with a fresh optimizer unless a state is given that fits."""
        self._start_weights = weights
        for path, variable in self._variables():
            if path in weights:
                variable.assign(weights[path])
        if self._runs_front:
            self._frozen_weights = [
                tf.convert_to_tensor(weights[variable.path]) for variable in self._front.weights
            ]
        fits = state is not None and state.key == self.spec.optimizer_key
        self._rates = rates
        self._peak_rates = self._optimizer.start(rates, state.values if state and fits else None)

    @property
    def nbytes(self) -> int:
        """Bytes that its variables take."""
        variables = [*self._trainable, *self._state, *self._optimizer.variables]
        return sum(v.value.shape.num_elements() * v.value.dtype.size for v in variables)

    def _variables(self):
        yield from zip(self._trainable_paths, self._trainable, strict=True)
        yield from zip(self._state_paths, self._state, strict=True)

    def release(self) -> None:
        """Drop what belongs to the fit that ends."""
        self._start_weights, self._frozen_weights = {}, []

    def weights(self) -> Weights:
        """Return the network's weights: copies of those that train, the others as they were."""
        current = {path: v for path, v in self._variables() if path in self._weight_paths}
        return {**self._start_weights, **{path: to_numpy(v) for path, v in current.items()}}

    @property
    def largest_weight(self) -> float:
        """The largest absolute value of a weight that trains; infinite if one is not a number."""
        largest = tf.reduce_max([tf.reduce_max(tf.abs(v.value)) for v in self._trainable])
        return float(largest) if np.isfinite(largest) else np.inf

    def optimizer_state(self) -> OptimizerState:
        """Return a copy of the optimizer's state."""
        return OptimizerState(self.spec.optimizer_key, self._optimizer.state())

    def seed(self, streams, *stream) -> None:
        """Seed dropout and augmentation for one epoch."""
        generators = [(path, v) for path, v in self._variables() if path not in self._weight_paths]
        for layer in self._augmentation:
            generators += [(f"augmentation/{v.path}", v) for v in layer.variables]
        for path, variable in generators:
            variable.assign(np.array([streams.integer(*stream, path), 0], "uint32"))

    # -- Epochs ----------------------------------------------------------------------------

    def run_epoch(self, data: EncodedData, plan: EpochPlan) -> dict[str, float]:
        """Train for an epoch; return the mean "loss" and "accuracy" while training."""
        rates = EpochRates(
            tf.constant(self._peak_rates, tf.float32),
            ScheduleWindow.from_rates(self._rates, plan.begin, plan.end),
            tf.constant(self._rates.clip_norm or 0.0, tf.float32),
        )
        count, totals = len(plan.order), np.zeros(3)
        for window in self._windows(data, count, plan.batch_size):
            window_data, indices = self._read(data, plan.order[window], plan.variants[window])
            numbers = (tf.constant(n, tf.int32) for n in (window.start, count, plan.batch_size))
            order = WindowOrder(tf.constant(indices, tf.int32), *numbers)
            totals = self._run_window(totals, window_data, order, rates)
        loss, accuracy = _means(totals)
        return {"loss": loss, "accuracy": accuracy}

    def evaluate(self, data: EncodedData) -> dict[str, float]:
        """Return the mean "val_loss" and "val_accuracy", in inference mode."""
        totals = np.zeros(3)
        for window in self._windows(data, len(data), self.spec.architecture.prediction_batch):
            window_data, _ = self._read(data, np.arange(len(data))[window], 0)
            totals = self._evaluate_window(totals, window_data)
        loss, accuracy = _means(totals)
        return {"val_loss": loss, "val_accuracy": accuracy}

    def _windows(self, data: EncodedData, count, batch_size):
        """Return slices of the order of rows: one of all rows, or each of whole batches."""
        if data.is_resident:
            return [slice(0, count)]
        row_bytes = int(np.prod(self._row_shape)) * tf.as_dtype(self.spec.input_type).size
        return chunk_rows(count, row_bytes, chunks.WINDOW_BYTES, batch_size)

    def _read(self, data: EncodedData, rows, variants):
        """Return a window's data on the device, and the indices of its rows in that."""
        if data.is_resident:
            stacked = Flips.stack_indices(rows, variants, len(data))
            return self._on_device(data.inputs, data.targets, data.weights), stacked
        indices = np.arange(len(rows))
        if self.spec.from_features:
            inputs = data.inputs[Flips.stack_indices(rows, variants, len(data))]
        else:
            # Images are flipped in the graph.
            inputs, indices = data.inputs[rows], Flips.stack_indices(indices, variants, len(rows))
        return self._on_device(inputs, data.targets[rows], data.weights[rows]), indices

    def _on_device(self, inputs, targets, weights) -> WindowData:
        to_tensor = tf.convert_to_tensor
        return WindowData(
            to_tensor(inputs), to_tensor(targets), to_tensor(weights), self._frozen_weights
        )

    # -- Inside the graph ------------------------------------------------------------------

    def _train_window(self, totals, data: WindowData, order: WindowOrder, rates: EpochRates):
        """Train on the rows of a window, a gradient step for each batch; return new totals."""
        n_indices, n_rows = tf.size(order.indices), tf.size(data.targets)

        def train_batch(start, totals):
            end = tf.minimum(start + order.batch_size, n_indices)
            indices = order.indices[start:end]
            rows, variants = Flips.unstack_indices(indices, n_rows)
            if self.spec.rates_change:
                self._set_rates(
                    rates, (order.first + start) / order.count, (order.first + end) / order.count
                )
            if self.spec.from_features:
                x = tf.gather(data.inputs, indices)
            else:
                x = self._to_cut(tf.gather(data.inputs, rows), data.frozen_weights, variants)
            targets, weights = tf.gather(data.targets, rows), tf.gather(data.weights, rows)
            with tf.GradientTape() as tape:
                logits, state, penalties = self._forward(x, training=True)
                losses = _cross_entropies(logits, targets)
                loss = tf.reduce_mean(losses * weights)
                for penalty in penalties:
                    loss += tf.cast(penalty, loss.dtype)
            gradients = tape.gradient(loss, [variable.value for variable in self._trainable])
            if self.spec.clips:
                clip_norm = tf.cast(rates.clip_norm, loss.dtype)
                gradients, _ = tf.clip_by_global_norm(gradients, clip_norm)
            self._optimizer.apply(gradients)
            for variable, value in zip(self._state, state, strict=True):
                variable.assign(value)
            return start + order.batch_size, totals + _totals(losses, logits, targets, weights)

        start = tf.constant(0), totals
        return tf.while_loop(lambda start, _: start < n_indices, train_batch, start)[1]

    def _score_window(self, totals, data: WindowData):
        """Evaluate the rows of a window in order; return new totals."""
        batch_size = self.spec.architecture.prediction_batch

        def score_batch(start, totals):
            rows = slice(start, start + batch_size)
            x, targets = data.inputs[rows], data.targets[rows]
            if not self.spec.from_features:
                x = self._to_cut(x, data.frozen_weights)
            logits, _, _ = self._forward(x, training=False)
            losses = _cross_entropies(logits, targets)
            return start + batch_size, totals + _totals(losses, logits, targets, data.weights[rows])

        n_rows, start = tf.size(data.targets), (tf.constant(0), totals)
        return tf.while_loop(lambda start, _: start < n_rows, score_batch, start)[1]

    def _set_rates(self, rates: EpochRates, before, after):
        """Set the rates of a step, from the shares of the epoch done before and after it."""
        shares = (tf.cast(share, tf.float32) for share in (before, after))
        self._optimizer.assign_rates(tf.unstack(rates.peaks * rates.schedule.multiplier(*shares)))

    def _to_cut(self, images, frozen_weights, variants=None):
        """Bring images to the freeze point: augmented if training, through the frozen part."""
        x = tf.cast(images, self._float_type)
        if variants is not None:
            x = self.spec.flips.apply(x, variants)
            for layer in self._augmentation:
                x = layer(x, training=True)
        return call_with_weights(self._front, frozen_weights, x) if self._runs_front else x

    def _forward(self, x, training):
        """Return logits, new values of the non-trainable variables, and penalties."""
        return self._back.stateless_call(
            [variable.value for variable in self._trainable],
            [variable.value for variable in self._state],
            x,
            training=training,
            return_losses=True,
        )


def _copy_variable(variable):
    """Return a new variable of the same kind, filled with zeros."""
    copy = keras.Variable(
        np.zeros(variable.shape, variable.dtype), dtype=variable.dtype, name=variable.name
    )
    copy.constraint = variable.constraint
    return copy


def _cross_entropies(logits, targets):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


def _totals(losses, logits, targets, weights):
    """Return the sums of weights, of weighted losses, and of the weights of correct rows."""
    hits = tf.argmax(logits, axis=-1, output_type=tf.int32) == targets
    columns = [weights, weights * losses, weights * tf.cast(hits, weights.dtype)]
    return tf.stack([tf.reduce_sum(tf.cast(column, tf.float64)) for column in columns])


def _means(totals) -> tuple[float, float]:
    """Return the weighted mean loss and accuracy."""
    weight, loss, hits = np.asarray(totals)
    return float(loss / weight), float(hits / weight)
