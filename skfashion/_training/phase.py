"""A phase of training: the frozen part, once if that pays; epochs, validation, early stopping."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby
from time import perf_counter

import numpy as np

from .._cache.store import Store
from .._keras.tensorflow import tf
from .._networks.frozen_part import FrozenPart
from .._networks.graph import Weights
from .._networks.network import Network
from .._random_streams import RandomStreams
from .augmentation import split_off_flips
from .feature_storage import precompute_features, use_images
from .learning_rates import LearningRates
from .trainer import Program, Rows, Trainer
from .trainer_pool import borrow_trainer

History = dict[str, list]
EpochEnd = Callable[[dict, Callable[[], Weights]], bool]


@dataclass(frozen=True)
class PhaseConfig:
    """How to train a phase.

    Parameters
    ----------
    freeze_points : tuple of (str or None)
        Where the network is cut in each epoch of the phase; what lies in front stays as it is.
    batch_size, optimizer, augmentation, early_stopping, n_iter_no_change, tol
        As the parameters of `TransferClassifier`, parsed.
    pace : LearningRates
        Learning rates.
    """

    freeze_points: tuple[str | None, ...]
    batch_size: int
    optimizer: str
    pace: LearningRates
    augmentation: tuple[tuple[str, float | str], ...]
    early_stopping: bool
    n_iter_no_change: int
    tol: float


@dataclass(frozen=True)
class OptimizerState:
    """An optimizer's variables, and what they belong to, as `Program.trained` says it."""

    trained: tuple
    values: list[np.ndarray]

    def values_for(self, program: Program) -> list[np.ndarray] | None:
        """Return the values if they fit this program, else `None`."""
        return self.values if self.trained == program.trained else None


@dataclass(frozen=True)
class Trained:
    """What a phase leaves."""

    weights: Weights
    history: History
    optimizer: OptimizerState | None


@dataclass(frozen=True)
class Phase:
    """A phase of training, on one task.

    Parameters
    ----------
    name : str
        Names the phase's random streams.
    network : Network
        The network, with as many outputs as the task has classes.
    settings : PhaseConfig
        How to train.
    seeds : RandomStreams
        Where random streams come from.
    epochs : int
        How many epochs to run.
    position : int, default=0
        Epochs of the phase that have run before, in other calls.
    first_epoch : int, default=0
        What the first epoch's random streams are numbered by.
    store : Store, default=None
        Where features of the frozen part are shared.
    keeps_optimizer : bool, default=False
        Whether what it leaves has the optimizer's variables in it.
    """

    name: str
    network: Network
    settings: PhaseConfig
    seeds: RandomStreams
    epochs: int
    position: int = 0
    first_epoch: int = 0
    store: Store | None = None
    keeps_optimizer: bool = False

    def train(
        self,
        weights: Weights,
        rows: Rows,
        validation: Rows | None = None,
        optimizer: OptimizerState | None = None,
        begin_epoch: Callable[[], EpochEnd] = lambda: lambda record, get_weights: False,
    ) -> Trained:
        """Train what lies behind the freeze point of each epoch.

        Parameters
        ----------
        weights : dict of str to ndarray
            All weights to start from.
        rows, validation : Rows
            Images to train on, and images to watch.
        optimizer : OptimizerState, optional
            Goes on from there if it belongs to the same program; else the optimizer is fresh, as
            it is whenever the freeze point changes.
        begin_epoch : callable
            ``begin_epoch() -> end_epoch``, and ``end_epoch(record, get_weights) -> stop``.

        Raises
        ------
        ValueError
            If the loss stops being a number.
        """
        stopping = _EarlyStopping(self.settings) if self.settings.early_stopping else None
        trained = Trained(weights, {}, optimizer)
        for point, epochs in groupby(range(self.epochs), self._freeze_point):
            if stopping:
                stopping.renew_patience()
            trained, stop = self._train_behind(
                point, list(epochs), trained, rows, validation, stopping, begin_epoch
            )
            if stopping and stopping.best_weights is not None:
                trained = replace(trained, weights=stopping.best_weights)
            if stop:
                break
        return trained

    @property
    def can_go_on(self) -> bool:
        """Whether a run of it is the beginning of every longer one, bit by bit."""
        return not (self.settings.early_stopping or self.settings.pace.changes)

    def behind(self, epochs: int) -> "Phase":
        """Return what is left of it behind its first epochs."""
        return replace(
            self,
            epochs=self.epochs - epochs,
            position=self.position + epochs,
            first_epoch=self.first_epoch + epochs,
        )

    def trained_in(self, epoch: int) -> tuple:
        """Return what the optimizer's variables of an epoch belong to, as `Program.trained`."""
        return self.settings.optimizer, self._freeze_point(epoch), self.network.architecture

    def _freeze_point(self, epoch):
        points = self.settings.freeze_points
        return points[min(self.position + epoch, len(points) - 1)]

    def _train_behind(self, point, epochs, before, rows, validation, stopping, begin_epoch):
        """Train some epochs behind one freeze point; return what they leave, and whether to stop.

        Early stopping ends these epochs only; a callback ends the phase.
        """
        started = perf_counter()
        weights, history = before.weights, {key: [*some] for key, some in before.history.items()}
        (rows, *watched), program, keeping = self._enter(
            point, weights, rows, validation, len(epochs)
        )
        with borrow_trainer(program) as trainer:
            resumed = before.optimizer and before.optimizer.values_for(program)
            trainer.start(weights, self.settings.pace, resumed)

            def current_weights():
                return {**weights, **trainer.weights()}

            for epoch in epochs:
                end_epoch = begin_epoch()
                record = self._run_epoch(trainer, rows, watched, epoch)
                now = perf_counter()
                record["seconds"], started = now - started, now
                record["features"] = str(keeping)
                for key, value in record.items():
                    history.setdefault(key, []).append(value)
                stop = end_epoch(record, current_weights)
                enough = stopping is not None and stopping.sees(record["val_loss"], current_weights)
                if stop or enough:
                    break
            state = None
            if self.keeps_optimizer:
                state = OptimizerState(program.trained, trainer.optimizer_state())
            return Trained(current_weights(), history, state), stop

    def _enter(self, point, weights, rows, validation, epochs):
        """Bring rows up to the cut, if that is done once; return them, and how to train."""
        settings = self.settings
        flips, augmentation = split_off_flips(settings.augmentation)
        sets = [[flips.variant(rows.inputs, number) for number in range(len(flips))]]
        if validation:
            sets.append([validation.inputs])
        frozen = FrozenPart(self.network, point, weights, self.store)
        from_features = frozen.is_worth_keeping and not augmentation
        if from_features:
            keeping, inputs = precompute_features(frozen, sets, epochs)
        else:
            keeping, inputs = use_images(frozen, sets)
        entered = [
            replace(some, inputs=own) for some, own in zip((rows, validation), inputs, strict=False)
        ]
        program = Program(
            architecture=self.network.architecture,
            freeze_point=point,
            optimizer=settings.optimizer,
            rates_change=settings.pace.changes,
            clips=settings.pace.clip_norm is not None,
            flips=flips,
            augmentation=augmentation,
            from_features=from_features,
            input_type=tf.as_dtype(inputs[0].dtype).name,
        )
        return entered, program, keeping

    def _run_epoch(self, trainer: Trainer, rows, watched, epoch) -> dict:
        total, number = len(self.settings.freeze_points), self.first_epoch + epoch
        done = min(self.position + epoch, total - 1)
        order = self.seeds.generator("shuffle", self.name, number).permutation(len(rows))
        n_variants = len(trainer.program.flips)
        variants = self.seeds.generator("flip", self.name, number).integers(
            n_variants, size=len(rows)
        )
        trainer.seed(self.seeds, "random layers", self.name, number)
        loss, accuracy = trainer.run_epoch(
            rows, order, variants, self.settings.batch_size, done / total, (done + 1) / total
        )
        if not np.isfinite(loss):
            raise ValueError(
                f"Training diverged: the loss is {loss} in epoch {number + 1} of {self.name} "
                f"with optimizer={self.settings.optimizer!r}, "
                f"learning_rate={self.settings.pace.learning_rate:g} and "
                f"body_learning_rate={self.settings.pace.body_learning_rate:g}. Lower them."
            )
        record = {"loss": loss, "accuracy": accuracy}
        for validation in watched:
            record["val_loss"], record["val_accuracy"] = trainer.evaluate(validation)
        return record


class _EarlyStopping:
    """Keeps the weights of the epoch with the lowest validation loss."""

    def __init__(self, settings: PhaseConfig):
        self.best_weights: Weights | None = None
        self._best = np.inf
        self._patience, self._tol = settings.n_iter_no_change, settings.tol
        self._stale = 0

    def renew_patience(self) -> None:
        """Give what has just thawed its time."""
        self._stale = 0

    def sees(self, loss, get_weights) -> bool:
        """Take note of an epoch; return whether to stop."""
        self._stale = 0 if loss < self._best - self._tol else self._stale + 1
        if loss < self._best:
            self._best, self.best_weights = loss, get_weights()
        return self._stale >= self._patience
