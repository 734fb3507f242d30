"""The trainable part of a network, trained by whole epochs inside one traced function.

A `Trainer` holds TensorFlow variables, so one fit at a time may use it. The next fit overwrites its
content.
"""

from contextlib import closing, nullcontext
from functools import cached_property
from math import ceil
from time import perf_counter

import numpy as np

from .._data import chunks
from .._data.read_ahead import read_ahead
from .._keras.batch_norm_mode import normalised_by_averages
from .._keras.dropout_rates import dropout_at
from .._keras.global_state import fresh_keras_state
from .._keras.merged_batch_norm import merged_batch_norm
from .._keras.tensorflow import keras, tf
from .._keras.tracing import trace
from .._networks.architecture import DROPOUT_LAYERS, Weights
from .._networks.batch_function import call_with_weights, weight_specs, weight_tensors
from .._networks.graph import copy_variable, to_numpy
from .._networks.network import get_network
from .augmentation import stack_indices, unstack_indices
from .augmentation_layers import build_augmentation_layers
from .epoch_data import EncodedData, EpochNumbers, EpochPlan, WindowData, WindowOrder
from .learning_rates import LearningRates
from .losses import TOTALS, score, score_soft, to_means, to_soft_labels
from .mixing import build_mixing_layer
from .optimizer import DepthOptimizer
from .regularization import Regularization
from .schedule import ScheduleWindow
from .trainer_spec import OptimizerState, TrainerSpec
from .weight_averages import WeightAverages
from .window_lengths import WindowLengths


class Trainer:
    """The trainable part of a network, its optimizer, and their traced functions.

    Parameters
    ----------
    spec : TrainerSpec
        Specification of the trainer.
    """

    def __init__(self, spec: TrainerSpec):
        self.spec = spec
        self._float_type = spec.architecture.float_type
        network = get_network(spec.architecture)
        self._front, self._back = network.split_at(spec.freeze_point)
        trainable, state = self._back.trainable_variables, self._back.non_trainable_variables
        with fresh_keras_state(self._float_type):
            self._augmentation = build_augmentation_layers(spec.augmentation)
            self._mixing = build_mixing_layer(spec.mixing)
            self._trainable = [copy_variable(variable) for variable in trainable]
            self._state = [copy_variable(variable) for variable in state]
            depths = [network.depth_from_head[variable.path] for variable in trainable]
            self._optimizer = DepthOptimizer(spec.update, self._trainable, depths)
            self._averages = WeightAverages(self._floats() if spec.update.averages else [])
        # Averages, where there are any, are the weights that the phase ends with.
        self._fitted_trainable = [self._averages.average_of(v) for v in self._trainable]
        self._fitted_state = [self._averages.average_of(v) for v in self._state]
        self._trainable_paths = [variable.path for variable in trainable]
        self._state_paths = [variable.path for variable in state]
        self._weight_paths = {variable.path for variable in self._back.weights}
        self._runs_front = self._front is not None and not spec.from_features
        self._start_weights: Weights = {}
        self._frozen_weights: list = []
        self._training_windows, self._evaluation_windows = WindowLengths(), WindowLengths()

    @cached_property
    def _run_window(self):
        """The traced `_train_window`."""
        indices, number = tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)
        factor = tf.TensorSpec([])
        numbers = EpochNumbers(
            tf.TensorSpec([len(self._optimizer)], tf.float32),
            ScheduleWindow(*[factor] * len(ScheduleWindow._fields)),
            {name: tf.TensorSpec([], tf.float64) for name in DROPOUT_LAYERS},
            *[factor] * 3,
        )
        by_averages = self.spec.batch_norm == "inference"
        mode = normalised_by_averages(self._back) if by_averages else nullcontext()
        with fresh_keras_state(self._float_type), mode:
            order = WindowOrder(indices, *[number] * 3)
            return trace(self._train_window, TOTALS, self._data_spec(), order, numbers)

    @cached_property
    def _evaluate_window(self):
        """The traced `_score_window`."""
        with fresh_keras_state(self._float_type):
            return trace(self._score_window, TOTALS, self._data_spec())

    @property
    def _row_shape(self):
        """The shape of the inputs of one image."""
        entrance = self._front if self._runs_front else self._back
        return tuple(entrance.inputs[0].shape[1:])

    def _data_spec(self):
        return WindowData(
            tf.TensorSpec((None, *self._row_shape), self.spec.input_type),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None], self._float_type),
            weight_specs(self._front) if self._runs_front else [],
        )

    # -- State -----------------------------------------------------------------------------

    def start(
        self,
        weights: Weights,
        rates: LearningRates,
        regularization: Regularization,
        state: OptimizerState | None = None,
    ) -> None:
        """Start from these weights, with a fresh optimizer unless a state is given that fits."""
        self._start_weights = weights
        for path, variable in self._fitted_variables():
            if path in weights:
                variable.assign(weights[path])
        if self._runs_front:
            self._frozen_weights = weight_tensors(self._front, weights)
        values = state.values if state is not None and state.fits(self.spec) else []
        n_optimizer = len(self._optimizer.variables)
        self._rates, self._regularization = rates, regularization
        self._peak_rates = self._optimizer.start(
            rates, regularization.weight_decay, values[:n_optimizer]
        )
        self._averages.start(values[n_optimizer:])

    @property
    def nbytes(self) -> int:
        """Bytes that its variables take."""
        variables = [
            *self._trainable,
            *self._state,
            *self._optimizer.variables,
            *self._averages.variables,
        ]
        return sum(v.value.shape.num_elements() * v.value.dtype.size for v in variables)

    def _floats(self):
        """Return the variables that can be averaged: all but the seeds of random layers."""
        variables = [*self._trainable, *self._state]
        return [v for v in variables if keras.backend.is_float_dtype(v.dtype)]

    def _fitted_variables(self):
        yield from zip(self._trainable_paths, self._fitted_trainable, strict=True)
        yield from zip(self._state_paths, self._fitted_state, strict=True)

    def release(self) -> None:
        """Drop the data of the fit that ends."""
        self._start_weights, self._frozen_weights = {}, []

    def weights(self) -> Weights:
        """Return the network's weights: copies of those that train, the others as they were."""
        current = {path: v for path, v in self._fitted_variables() if path in self._weight_paths}
        return {**self._start_weights, **{path: to_numpy(v) for path, v in current.items()}}

    @property
    def largest_weight(self) -> float:
        """The largest absolute value of a weight that trains; infinite if one is not a number."""
        # One at a time: layers may have weights of different types.
        each = [float(tf.reduce_max(tf.abs(v.value))) for v in self._fitted_trainable]
        largest = np.max(each)
        return float(largest) if np.isfinite(largest) else np.inf

    def optimizer_state(self) -> OptimizerState:
        """Return a copy of the state that training continues from, except weights."""
        values = self._optimizer.state() + self._averages.state()
        return OptimizerState(self.spec.optimizer_key, values)

    def seed(self, streams, *stream) -> None:
        """Seed dropout, augmentation and mixing for one epoch."""
        state = zip(self._state_paths, self._state, strict=True)
        generators = [(path, v) for path, v in state if path not in self._weight_paths]
        for layer in (*self._augmentation, *([self._mixing] if self._mixing else [])):
            generators += [(f"augmentation/{v.path}", v) for v in layer.variables]
        for path, variable in generators:
            variable.assign(np.array([streams.integer(*stream, path), 0], "uint32"))

    # -- Epochs ----------------------------------------------------------------------------

    def run_epoch(self, data: EncodedData, plan: EpochPlan) -> dict[str, float]:
        """Train for an epoch; return the mean "loss" and "accuracy" while training."""
        regularization = self._regularization
        factors = (
            self._rates.clip_norm or 0.0,
            regularization.label_smoothing,
            regularization.average_decay(plan.n_updates),
        )
        epoch_numbers = EpochNumbers(
            tf.constant(self._peak_rates, tf.float32),
            ScheduleWindow.from_rates(self._rates, plan.begin, plan.end),
            {n: tf.constant(getattr(regularization, n), tf.float64) for n in DROPOUT_LAYERS},
            *(tf.constant(factor, tf.float32) for factor in factors),
        )
        count, totals, lengths = len(plan.order), np.zeros(3), self._training_windows
        windows = self._windows(data, lengths, count, plan.batch_size)
        read = (
            (rows, *self._read(data, plan.order[rows], plan.variants[rows])) for rows in windows
        )
        with closing(read_ahead(read, data.inputs)) as ahead:
            for rows, window_data, indices in ahead:
                started = perf_counter()
                numbers = (tf.constant(n, tf.int32) for n in (rows.start, count, plan.batch_size))
                order = WindowOrder(tf.constant(indices, tf.int32), *numbers)
                totals = self._run_window(totals, window_data, order, epoch_numbers).numpy()
                lengths.adapt(len(indices), perf_counter() - started)
        loss, accuracy = to_means(totals)
        return {"loss": loss, "accuracy": accuracy}

    def evaluate(self, data: EncodedData) -> dict[str, float]:
        """Return the mean "val_loss" and "val_accuracy", in inference mode."""
        totals, lengths = np.zeros(3), self._evaluation_windows
        batch_size = self.spec.architecture.prediction_batch
        windows = self._windows(data, lengths, len(data), batch_size)
        read = ((rows, self._read_in_order(data, rows)) for rows in windows)
        with closing(read_ahead(read, data.inputs)) as ahead:
            for rows, window_data in ahead:
                started = perf_counter()
                totals = self._evaluate_window(totals, window_data).numpy()
                lengths.adapt(rows.stop - rows.start, perf_counter() - started)
        loss, accuracy = to_means(totals)
        return {"val_loss": loss, "val_accuracy": accuracy}

    def _windows(self, data: EncodedData, lengths: WindowLengths, count, batch_size):
        """Return slices over rows: windows of whole batches, of bounded time and size."""
        most_rows = count
        if not data.is_resident:
            row_bytes = int(np.prod(self._row_shape)) * tf.as_dtype(self.spec.input_type).size
            most_rows = chunks.WINDOW_BYTES // row_bytes
        # Features are computed in batches of another size, which windows should fill.
        n_batches = ceil(getattr(data.inputs, "batch_size", 1) / batch_size)
        return lengths.windows(count, n_batches * batch_size, most_rows)

    def _read(self, data: EncodedData, rows, variants):
        """Return a window's data on the device, and the indices of its rows in that."""
        if data.is_resident:
            stacked = stack_indices(rows, variants, len(data))
            return self._on_device(data.inputs, data.targets, data.weights), stacked
        indices = np.arange(len(rows))
        if self.spec.from_features:
            inputs = data.inputs[stack_indices(rows, variants, len(data))]
        else:
            # Images are flipped in the graph.
            inputs, indices = data.inputs[rows], stack_indices(indices, variants, len(rows))
        return self._on_device(inputs, data.targets[rows], data.weights[rows]), indices

    def _read_in_order(self, data: EncodedData, rows: slice) -> WindowData:
        """Return a slice of the rows on the device; of variants the first."""
        indices = rows if data.is_resident else np.arange(rows.start, rows.stop)
        return self._on_device(data.inputs[indices], data.targets[rows], data.weights[rows])

    def _on_device(self, inputs, targets, weights) -> WindowData:
        to_tensor = tf.convert_to_tensor
        return WindowData(
            to_tensor(inputs), to_tensor(targets), to_tensor(weights), self._frozen_weights
        )

    # -- Inside the graph ------------------------------------------------------------------

    def _train_window(self, totals, data: WindowData, order: WindowOrder, numbers: EpochNumbers):
        """Train on the rows of a window, a gradient step for each batch; return new totals."""
        n_indices, n_rows = tf.size(order.indices), tf.size(data.targets)

        def train_batch(start, totals):
            end = tf.minimum(start + order.batch_size, n_indices)
            indices = order.indices[start:end]
            if self.spec.update.rates_change:
                self._set_rates(
                    numbers, (order.first + start) / order.count, (order.first + end) / order.count
                )
            x, score_logits = self._make_batch(data, indices, n_rows, numbers.label_smoothing)
            with tf.GradientTape() as tape:
                with dropout_at(self._back, numbers.dropout):
                    logits, state, penalties = self._forward(x, self._trainable, self._state, True)
                loss, batch_totals = score_logits(logits)
                for penalty in penalties:
                    loss += tf.cast(penalty, loss.dtype)
            gradients = tape.gradient(loss, [variable.value for variable in self._trainable])
            if self.spec.update.clips:
                clip_norm = tf.cast(numbers.clip_norm, loss.dtype)
                gradients, _ = tf.clip_by_global_norm(gradients, clip_norm)
            self._optimizer.apply(gradients)
            for variable, value in zip(self._state, state, strict=True):
                variable.assign(value)
            if self.spec.update.averages:
                self._averages.update(numbers.average_decay, self._optimizer.n_updates)
            return start + order.batch_size, totals + batch_totals

        start = tf.constant(0), totals
        return tf.while_loop(lambda start, _: start < n_indices, train_batch, start)[1]

    def _make_batch(self, data: WindowData, indices, n_rows, label_smoothing):
        """Return the inputs of a batch at the freeze point, and the function of its loss."""
        rows, variants = unstack_indices(indices, n_rows)
        targets, weights = tf.gather(data.targets, rows), tf.gather(data.weights, rows)
        labels = None
        if self.spec.has_soft_labels:
            n_classes = self.spec.architecture.n_classes
            labels = to_soft_labels(targets, weights, n_classes)
        if self.spec.from_features:
            x = tf.gather(data.inputs, indices)
        else:
            x = tf.cast(tf.gather(data.inputs, rows), self._float_type)
            x = self.spec.flips.apply(x, variants)
            for layer in self._augmentation:
                x = layer(x, training=True)
            if self._mixing and self.spec.mixing.needs_images:
                x, labels = self._mixing(x, labels)
            x = self._to_cut(x, data.frozen_weights)
        if self._mixing and not self.spec.mixing.needs_images:
            x, labels = self._mixing(x, labels)
        if labels is None:
            return x, lambda logits: score(logits, targets, weights)
        return x, lambda logits: score_soft(logits, labels, label_smoothing)

    def _score_window(self, totals, data: WindowData):
        """Evaluate the rows of a window in order; return new totals."""
        batch_size = self.spec.architecture.prediction_batch

        def score_batch(start, totals):
            rows = slice(start, start + batch_size)
            x = data.inputs[rows]
            if not self.spec.from_features:
                x = self._to_cut(tf.cast(x, self._float_type), data.frozen_weights)
            logits, _, _ = self._forward(x, self._fitted_trainable, self._fitted_state, False)
            _, batch_totals = score(logits, data.targets[rows], data.weights[rows])
            return start + batch_size, totals + batch_totals

        n_rows, start = tf.size(data.targets), (tf.constant(0), totals)
        return tf.while_loop(lambda start, _: start < n_rows, score_batch, start)[1]

    def _set_rates(self, numbers: EpochNumbers, before, after):
        """Set the rates of a step, from the shares of the epoch done before and after it."""
        shares = (tf.cast(share, tf.float32) for share in (before, after))
        rates = numbers.peaks * numbers.schedule.multiplier(*shares)
        self._optimizer.assign_rates(tf.unstack(rates))

    def _to_cut(self, x, frozen_weights):
        """Return inputs at the freeze point: images pass the frozen part if the trainer runs it."""
        if not self._runs_front:
            return x
        with merged_batch_norm(self._front, self.spec.architecture.backbone.stages):
            return call_with_weights(self._front, frozen_weights, x)

    def _forward(self, x, trainable, state, training):
        """Return logits, new values of the non-trainable variables, and penalties."""
        return self._back.stateless_call(
            [variable.value for variable in trainable],
            [variable.value for variable in state],
            x,
            training=training,
            return_losses=True,
        )
