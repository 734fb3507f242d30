"""A phase of training: freeze points, epochs, validation, early stopping."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby
from math import ceil
from time import perf_counter
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._cache.store import Store
from .._keras.tensorflow import tf
from .._messages import warn_user
from .._networks.architecture import Weights
from .._networks.frozen_part import FrozenPart
from .._networks.network import Network
from .._random_streams import RandomStreams
from .augmentation import Augmentation, Flips, split_off_flips
from .augmented_views import draw_views
from .early_stopping import EarlyStopping, EarlyStoppingState
from .epoch_data import EncodedData, EpochPlan
from .feature_storage import FeatureStorage, prepare_inputs
from .history import History, append_record
from .hooks import EpochHooks
from .learning_rates import LearningRates
from .regularization import Regularization
from .trainer import Trainer
from .trainer_pool import borrow_trainer
from .trainer_spec import OptimizerState, TrainerSpec, UpdateSpec, optimizer_key

# A phase diverged if its loss is this many times that of guessing.
DIVERGED_LOSS = 100.0
# Outputs are checked after a phase if a weight is larger than this. Trained networks stay below.
LARGE_WEIGHT = 100.0


@dataclass(frozen=True)
class PhaseConfig:
    """How to train a phase.

    Parameters
    ----------
    freeze_points : tuple of (str or None)
        The freeze point of each epoch of the schedule; never empty.
    batch_size, optimizer, augmentation
        As the parameters of `TransferClassifier`, parsed.
    momentum : float
        Nesterov's momentum of "sgd".
    learning_rates : LearningRates
        Rates and their schedule.
    regularization : Regularization
        Regularisation of the training.
    n_views : int
        Views of an image that are drawn once where something is frozen; 0 for new ones.
    patience, tol : int or None, float
        As for `EarlyStopping`.
    """

    freeze_points: tuple[str | None, ...]
    batch_size: int
    optimizer: str
    momentum: float
    learning_rates: LearningRates
    regularization: Regularization
    augmentation: Augmentation
    n_views: int
    patience: int | None
    tol: float

    @property
    def update_spec(self) -> UpdateSpec:
        """Specification of the traced training function."""
        return UpdateSpec(
            optimizer=self.optimizer,
            momentum=self.momentum,
            rates_change=self.learning_rates.change,
            clips=self.learning_rates.clip_norm is not None,
            decays=self.regularization.weight_decay is not None,
            averages=self.regularization.average > 0,
        )


@dataclass(frozen=True)
class PhaseResult:
    """State at the start or end of a phase.

    Parameters
    ----------
    weights : dict of str to ndarray
        All weights of the network.
    history : dict of str to list
        Values of each epoch.
    optimizer_state : OptimizerState, default=None
        The optimizer's state, if the phase keeps it.
    early_stopping : EarlyStoppingState, default=None
        State of early stopping.
    n_epochs : int, default=0
        Epochs of the phase that are over: trained, or skipped by early stopping or a hook.
    interrupted : bool, default=False
        Whether a hook or the user ended the phase.
    by_user : bool, default=False
        Whether the user did so, by `KeyboardInterrupt`.
    """

    weights: Weights
    history: History
    optimizer_state: OptimizerState | None = None
    early_stopping: EarlyStoppingState | None = None
    n_epochs: int = 0
    interrupted: bool = False
    by_user: bool = False


class _PreparedData(NamedTuple):
    """Training and validation data at a freeze point, and the trainer that they fit."""

    train: EncodedData
    validation: EncodedData | None
    spec: TrainerSpec
    storage: FeatureStorage
    n_variants: int


@dataclass(frozen=True)
class Phase:
    """A phase of training, on one task.

    Parameters
    ----------
    name : str
        Names the phase's random streams.
    network : Network
        The network, with one output for each class of the task.
    config : PhaseConfig
        How to train.
    streams : RandomStreams
        Seeds.
    epochs : range
        Numbers of the epochs to run, in the schedule of `config`. Epochs after its end are
        trained as its last one.
    epochs_before : int, default=0
        Epochs of earlier schedules. Random streams are numbered on from there.
    store : Store, default=None
        Where features of the frozen part are shared.
    keep_optimizer_state : bool, default=False
        Whether the result has the optimizer's state.
    keep_last_epoch : bool, default=False
        Whether `KeyboardInterrupt` ends the phase with its last whole epoch, if there is one.
    """

    name: str
    network: Network
    config: PhaseConfig
    streams: RandomStreams
    epochs: range
    epochs_before: int = 0
    store: Store | None = None
    keep_optimizer_state: bool = False
    keep_last_epoch: bool = False

    def train(
        self,
        start: PhaseResult,
        train: EncodedData,
        validation: EncodedData | None = None,
        hooks: EpochHooks | None = None,
        save: Callable[[PhaseResult], None] | None = None,
    ) -> PhaseResult:
        """Train the part of the network after the freeze point of each epoch.

        Parameters
        ----------
        start : PhaseResult
            State to start from; its epochs are not trained again. The optimizer starts from its
            state, if that matches the first freeze point. Otherwise, and after each change of the
            freeze point, the optimizer is fresh.
        train, validation : EncodedData
            Images to train on, and images to evaluate after each epoch.
        hooks : EpochHooks, optional
            Functions to call around each epoch.
        save : callable, optional
            ``save(result)`` saves the state after an epoch, so that a phase can start from there.
            It is not called after the last one.

        Raises
        ------
        ValueError
            If training diverges.
        """
        hooks, config = hooks or EpochHooks(), self.config
        stopping = EarlyStopping(config.patience, config.tol, start.early_stopping)
        history, result, last = start.history, start, self._keep_start(start, stopping)
        if history:
            hooks.on_resume(len(history["seconds"]))
        try:
            for freeze_point, epochs in groupby(self.epochs[start.n_epochs :], self.freeze_point):
                started, numbers = perf_counter(), [*epochs]
                data = self._prepare_data(freeze_point, result.weights, train, validation, numbers)
                with borrow_trainer(data.spec) as trainer:
                    self._start(trainer, result)
                    for epoch in numbers:
                        hooks.on_epoch_begin()
                        if epoch != numbers[0]:
                            started = perf_counter()
                        stream = self.name, self.epochs_before + epoch
                        trainer.seed(self.streams, "random layers", *stream)
                        record = trainer.run_epoch(data.train, self._plan(epoch, stream, data))
                        self._check_loss(record["loss"], np.inf, epoch)
                        if data.validation is not None:
                            record |= trainer.evaluate(data.validation)
                        record["seconds"] = perf_counter() - started
                        record["features"] = data.storage.in_history
                        history = append_record(history, record)
                        stops = stopping.update(record, trainer.weights)
                        place = epoch, history, trainer, stopping
                        last = self._keep(*place)
                        if save and not stops and epoch != numbers[-1]:
                            save(self._result(*place))
                        interrupted = hooks.on_epoch_end(history, trainer.weights)
                        if stops or interrupted:
                            break
                    result = self._end_group(*place, data, numbers[-1])
                if interrupted:
                    return replace(result, interrupted=True)
                if save and result.n_epochs < len(self.epochs):
                    save(result)
        except KeyboardInterrupt:
            if last is None:
                raise
            return self._end_by_user(last)
        return result

    @property
    def is_resumable(self) -> bool:
        """Whether it can be resumed after any epoch with the same bits as without the break.

        That is so where neither rates nor averages depend on its length and nothing ends it early.
        """
        config = self.config
        depends_on_length = config.learning_rates.change or config.regularization.average > 0
        return config.patience is None and not depends_on_length

    def freeze_point(self, epoch: int) -> str | None:
        """Return the freeze point of an epoch, by the name of its cut."""
        return self.network.name_of_cut(self.config.freeze_points[self._scheduled(epoch)])

    def optimizer_key(self, epoch: int) -> tuple:
        """Return the key of the optimizer's state after an epoch, as `TrainerSpec` does."""
        update = self.config.update_spec
        return optimizer_key(self.network.architecture, self.freeze_point(epoch), update)

    def _start(self, trainer: Trainer, result: PhaseResult):
        rates, regularization = self.config.learning_rates, self.config.regularization
        trainer.start(result.weights, rates, regularization, result.optimizer_state)

    def _result(
        self, epoch, history, trainer, early_stopping, takes_best=False, keeps_optimizer=True
    ) -> PhaseResult:
        """Return the state after an epoch, with the current or the best weights."""
        get_weights = trainer.weights
        return PhaseResult(
            weights=early_stopping.best_weights(get_weights) if takes_best else get_weights(),
            history=history,
            optimizer_state=trainer.optimizer_state() if keeps_optimizer else None,
            early_stopping=early_stopping.state,
            n_epochs=epoch + 1 - self.epochs.start,
        )

    def _end_group(
        self, epoch, history, trainer, early_stopping, data: _PreparedData, last_epoch
    ) -> PhaseResult:
        """Return the state after the epochs of a freeze point, and check outputs."""
        self._check_outputs(trainer, data.train, early_stopping.best_loss, epoch)
        early_stopping.reset_patience()
        place = last_epoch, history, trainer, early_stopping
        return self._result(*place, takes_best=True, keeps_optimizer=self.keep_optimizer_state)

    # -- KeyboardInterrupt -----------------------------------------------------------------

    def _keep_start(self, start: PhaseResult, early_stopping) -> PhaseResult | None:
        """Return the result of an interruption before the next epoch; `None` for nothing."""
        if not (self.keep_last_epoch and start.history):
            return None
        return replace(start, weights=early_stopping.best_weights(lambda: start.weights))

    def _keep(self, epoch, history, trainer, early_stopping) -> PhaseResult | None:
        """Return the result of an interruption after an epoch; `None` for nothing."""
        if not self.keep_last_epoch:
            return None
        place = epoch, history, trainer, early_stopping
        return self._result(*place, takes_best=True, keeps_optimizer=False)

    def _end_by_user(self, last: PhaseResult) -> PhaseResult:
        """End the phase with its last whole epoch."""
        self._check_kept(last)
        n_epochs = len(last.history["seconds"])
        kept = f"weights of epoch {n_epochs}"
        if self.config.patience is not None:
            kept = f"best weights of {n_epochs} epochs"
        warn_user(
            f"Training was interrupted by the user: of {len(self.epochs)} epochs, {n_epochs} were "
            f"complete. Training ends with the {kept}.",
            ConvergenceWarning,
        )
        return replace(last, interrupted=True, by_user=True)

    def _check_kept(self, last: PhaseResult) -> None:
        """Check the weights of an interrupted phase, without a pass over the rows."""
        are_finite = all(np.isfinite(values).all() for values in last.weights.values())
        loss = 0.0 if are_finite else np.nan
        if self.config.patience is not None and last.early_stopping is not None:
            loss = last.early_stopping.best_loss
        self._check_loss(loss, self._largest_loss, self.epochs[last.n_epochs - 1])

    # -- Parts of an epoch -----------------------------------------------------------------

    def _scheduled(self, epoch):
        """Return the epoch of the schedule that an epoch is trained as."""
        return min(epoch, len(self.config.freeze_points) - 1)

    def _prepare_data(self, freeze_point, weights, train, validation, epochs) -> _PreparedData:
        """Replace the data by features at the freeze point, if these are stored."""
        config = self.config
        flips, augmentation = split_off_flips(config.augmentation)
        sets = [[flips.variant(train.inputs, number) for number in range(len(flips))]]
        n_views = config.n_views if freeze_point is not None else 0
        if n_views:
            flips, augmentation = Flips(), ()
            sets = [self._draw_views(train.inputs, n_views)]
        if validation is not None:
            sets.append([validation.inputs])
        frozen = FrozenPart(self.network, freeze_point, weights, self.store)
        mixing = config.regularization.mixing
        augments = bool(augmentation) or mixing.needs_images
        storage, inputs = prepare_inputs(frozen, sets, len(epochs), augments, n_views > 0)
        spec = TrainerSpec(
            architecture=self.network.architecture,
            freeze_point=freeze_point,
            update=config.update_spec,
            batch_norm=config.regularization.batch_norm,
            smooths_labels=config.regularization.label_smoothing > 0,
            flips=flips,
            augmentation=augmentation,
            mixing=mixing,
            from_features=storage.feeds_features,
            input_type=tf.as_dtype(inputs[0].dtype).name,
        )
        train = replace(train, inputs=inputs[0])
        if validation is not None:
            validation = replace(validation, inputs=inputs[1])
        return _PreparedData(train, validation, spec, storage, len(sets[0]))

    def _draw_views(self, images, n_views):
        augmentation, seed = self.config.augmentation, self.streams.root
        return draw_views(images, augmentation, n_views, seed, self.store)

    def _plan(self, epoch, stream, data: _PreparedData) -> EpochPlan:
        """Draw the order of rows and their variants, and set the part of the phase."""
        n_rows = len(data.train)
        scheduled, length = self._scheduled(epoch), len(self.config.freeze_points)
        # A size of a full batch may be any large number.
        batch_size = min(self.config.batch_size, n_rows)
        return EpochPlan(
            order=self.streams.generator("shuffle", *stream).permutation(n_rows),
            variants=self.streams.generator("flip", *stream).integers(data.n_variants, size=n_rows),
            batch_size=batch_size,
            begin=scheduled / length,
            end=(scheduled + 1) / length,
            n_updates=length * ceil(n_rows / batch_size),
        )

    def _check_outputs(self, trainer: Trainer, train: EncodedData, best_loss, epoch):
        """Check that the weights after the last step, or the best weights, predict at all.

        The loss of an epoch is computed before each step, so it does not show the effect of the
        last step. A pass over the rows does. Weights that did not grow need no such pass.
        """
        if best_loss is None:
            if trainer.largest_weight <= LARGE_WEIGHT:
                return
            best_loss = trainer.evaluate(train)["val_loss"]
        self._check_loss(best_loss, self._largest_loss, epoch)

    @property
    def _largest_loss(self) -> float:
        """The loss from which on a phase diverged, a multiple of that of guessing."""
        return DIVERGED_LOSS * np.log(self.network.architecture.n_classes)

    def _check_loss(self, loss, limit, epoch):
        if not loss < limit:
            rates = self.config.learning_rates
            raise ValueError(
                f"Training diverged: the loss is {loss} in epoch "
                f"{self.epochs_before + epoch + 1} of {self.name} with "
                f"optimizer={self.config.optimizer!r}, learning_rate={rates.learning_rate:g} and "
                f"body_learning_rate={rates.body_learning_rate:g}. Lower them."
            )
