"""A phase of training: the frozen part once, then epochs, validation, history, early stopping."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from ._network import Network, Weights
from ._seeds import Seeds
from ._tensorflow import tf
from ._trainer import Program, Rows, Trainer, borrow_trainer

# Larger features are not kept: images then go through the frozen part in every epoch.
MOST_FEATURE_BYTES = 2 * 2**30

History = dict[str, list[float]]
EpochEnd = Callable[[dict[str, float], Callable[[], Weights]], bool]


@dataclass(frozen=True)
class Recipe:
    """How to train a phase: names and numbers, as the parameters of `TransferClassifier`."""

    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float | None
    augmentation: tuple[tuple[str, float | str], ...]
    early_stopping: bool
    n_iter_no_change: int
    tol: float


@dataclass(frozen=True)
class OptimizerState:
    """An optimizer's variables, and the program that they belong to."""

    program: Program
    values: list[np.ndarray]

    def values_for(self, program: Program) -> list[np.ndarray] | None:
        """Return the values if they fit this program, else `None`."""
        return self.values if self.program.trains_like(program) else None


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
    freeze_point : str or None
        Where the network is cut; what lies in front stays as it is.
    recipe : Recipe
        How to train.
    seeds : Seeds
        Where shuffles, dropout and augmentation draw from.
    first_epoch : int, default=0
        Number of epochs that earlier fits trained; the random streams go on from there.
    """

    name: str
    network: Network
    freeze_point: str | None
    recipe: Recipe
    seeds: Seeds
    first_epoch: int = 0

    def train(
        self,
        weights: Weights,
        rows: Rows,
        validation: Rows | None = None,
        optimizer: OptimizerState | None = None,
        begin_epoch: Callable[[], EpochEnd] = lambda: lambda record, get_weights: False,
    ) -> Trained:
        """Train the part behind the freeze point.

        Parameters
        ----------
        weights : dict of str to ndarray
            All weights to start from.
        rows, validation : Rows
            Images to train on, and images to watch.
        optimizer : OptimizerState, optional
            Goes on from there if it belongs to the same program; else the optimizer is fresh.
        begin_epoch : callable
            ``begin_epoch() -> end_epoch``, and ``end_epoch(record, get_weights) -> stop``.

        Raises
        ------
        ValueError
            If the loss stops being a number.
        """
        started = perf_counter()
        rows, validation, program = self._enter(weights, rows, validation)
        stopping = _EarlyStopping(self.recipe) if self.recipe.early_stopping else None
        history: History = {}
        with borrow_trainer(program) as trainer:
            resumed = optimizer and optimizer.values_for(program)
            trainer.start(weights, self.recipe.learning_rate, resumed)

            def current_weights():
                return {**weights, **trainer.weights()}

            for epoch in range(self.first_epoch, self.first_epoch + self.recipe.epochs):
                end_epoch = begin_epoch()
                record = self._run_epoch(trainer, rows, validation, epoch)
                now = perf_counter()
                record["seconds"], started = now - started, now
                for key, value in record.items():
                    history.setdefault(key, []).append(value)
                stop = end_epoch(record, current_weights)
                if stopping:
                    stop |= stopping.sees(record["val_loss"], current_weights)
                if stop:
                    break
            final = stopping.best_weights if stopping else None
            return Trained(
                current_weights() if final is None else final,
                history,
                OptimizerState(program, trainer.optimizer_state()),
            )

    def _enter(self, weights, rows, validation):
        """Run the frozen part once, where its outputs are constant and fit in memory."""
        from_features = self._keeps_features(len(rows) + len(validation or ()))

        def entered(some: Rows) -> Rows:
            inputs = some.inputs
            if from_features:
                inputs = self.network.features(self.freeze_point, weights, inputs)
            return Rows(tf.convert_to_tensor(inputs), some.targets, some.weights)

        rows = entered(rows)
        program = Program(
            self.network.architecture,
            self.freeze_point,
            self.recipe.optimizer,
            self.recipe.augmentation,
            from_features,
            rows.inputs.dtype.name,
        )
        return rows, validation and entered(validation), program

    def _keeps_features(self, n_images):
        if self.freeze_point is None or self.recipe.augmentation:
            return False
        return n_images * self.network.feature_bytes(self.freeze_point) <= MOST_FEATURE_BYTES

    def _run_epoch(self, trainer: Trainer, rows, validation, epoch) -> dict[str, float]:
        order = self.seeds.generator("shuffle", self.name, epoch).permutation(len(rows))
        trainer.seed(self.seeds, "random layers", self.name, epoch)
        loss, accuracy = trainer.run_epoch(rows, order, self.recipe.batch_size)
        if not np.isfinite(loss):
            raise ValueError(
                f"Training diverged: the loss is {loss} in epoch {epoch + 1} of {self.name} "
                f"with optimizer={self.recipe.optimizer!r} and "
                f"learning_rate={self.recipe.learning_rate}. Lower learning_rate."
            )
        record = {"loss": loss, "accuracy": accuracy}
        if validation:
            record["val_loss"], record["val_accuracy"] = trainer.evaluate(validation)
        return record


class _EarlyStopping:
    """Keeps the weights of the epoch with the lowest validation loss."""

    def __init__(self, recipe: Recipe):
        self.best_weights: Weights | None = None
        self._best = np.inf
        self._patience, self._tol = recipe.n_iter_no_change, recipe.tol
        self._stale = 0

    def sees(self, loss, get_weights) -> bool:
        """Take note of an epoch; return whether to stop."""
        self._stale = 0 if loss < self._best - self._tol else self._stale + 1
        if loss < self._best:
            self._best, self.best_weights = loss, get_weights()
        return self._stale >= self._patience
