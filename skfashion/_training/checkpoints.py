"""Checkpoints of a phase in a store: a phase is restored, or resumed from the longest of them."""

from dataclasses import replace

import numpy as np

from .._cache.fingerprint import environment_fingerprint
from .._cache.hashing import digest, hash_array
from .._cache.store import Store
from .._networks.architecture import Weights
from .epoch_data import EncodedData
from .hooks import EpochHooks
from .phase import Phase, PhaseResult
from .trainer_spec import OptimizerState

_WEIGHT, _HISTORY, _OPTIMIZER = "weight/", "history/", "optimizer/"
# A checkpoint that few other fits can use is saved only if training took ten times as long as
# writing it, at 500 million bytes a second.
SECONDS_PER_BYTE = 10 / 500e6


class PhaseCheckpoints:
    """The checkpoints of one phase, from one start, on the same rows, after different epochs.

    A resumable phase has a checkpoint after each number of epochs that some fit asked for: random
    streams are numbered by epoch, and the optimizer's state is saved with the weights.

    Parameters
    ----------
    store : Store
        Where they are saved.
    phase : Phase
        The phase, from its first epoch on.
    weights, train, validation
        As for `Phase.train`.
    """

    def __init__(
        self,
        store: Store,
        phase: Phase,
        weights: Weights,
        train: EncodedData,
        validation: EncodedData | None,
    ):
        self._store, self._phase, self._start = store, phase, weights
        data = [
            part
            for rows in (train, validation)
            if rows
            for part in (hash_array(rows.inputs), rows.targets, rows.weights)
        ]
        self._key = digest(
            environment_fingerprint(),
            phase.name,
            phase.network.config,
            replace(phase.config, freeze_points=()),
            phase.streams.root,
            *(part for path in sorted(weights) for part in (path, weights[path])),
            *data,
        )

    def find_longest(self) -> tuple[int, PhaseResult]:
        """Return the epochs of the longest checkpoint that the phase can use, and its result.

        Without one, these are 0 and the start.
        """
        n_epochs = len(self._phase.epochs)
        shorter = range(n_epochs - 1, 0, -1) if self._phase.is_resumable else ()
        for epochs in (n_epochs, *shorter):
            found = self._store.load(self._key_after(epochs))
            if found is not None and _with_prefix(found, _WEIGHT).keys() <= self._start.keys():
                return epochs, self._to_result(found, epochs)
        return 0, PhaseResult(self._start, {})

    def save(self, result: PhaseResult, always: bool) -> None:
        """Save the result of the whole phase; if not `always`, only where that is quick."""
        arrays = {
            _WEIGHT + path: array
            for path, array in result.weights.items()
            if array is not self._start[path]
        }
        arrays |= {_HISTORY + key: np.array(values) for key, values in result.history.items()}
        if result.optimizer_state:
            values = enumerate(result.optimizer_state.values)
            arrays |= {f"{_OPTIMIZER}{number}": value for number, value in values}
        least_seconds = SECONDS_PER_BYTE * sum(array.nbytes for array in arrays.values())
        if always or sum(result.history["seconds"]) > least_seconds:
            self._store.save(self._key_after(len(self._phase.epochs)), arrays)

    def _key_after(self, n_epochs):
        return digest(self._key, self._phase.config.freeze_points[:n_epochs])

    def _to_result(self, found, n_epochs) -> PhaseResult:
        history = {key: values.tolist() for key, values in _with_prefix(found, _HISTORY).items()}
        values = _with_prefix(found, _OPTIMIZER)
        state = None
        if values:
            key = self._phase.optimizer_key(n_epochs - 1)
            state = OptimizerState(key, [values[str(n)] for n in range(len(values))])
        return PhaseResult({**self._start, **_with_prefix(found, _WEIGHT)}, history, state)


def restore_or_train(
    store: Store,
    phase: Phase,
    weights: Weights,
    train: EncodedData,
    validation: EncodedData | None,
    hooks: EpochHooks,
    *,
    is_pretraining: bool,
) -> PhaseResult:
    """Train a phase, resuming from the longest checkpoint in a store.

    The result is saved as a checkpoint, unless a hook ended the phase.

    Parameters
    ----------
    store : Store
        Where checkpoints are saved.
    phase : Phase
        The phase, from its first epoch on.
    weights, train, validation, hooks
        As for `Phase.train`.
    is_pretraining : bool
        Whether many other fits can use the result, so that saving it always pays.
    """
    checkpoints = PhaseCheckpoints(store, phase, weights, train, validation)
    n_restored, restored = checkpoints.find_longest()
    is_complete = n_restored == len(phase.epochs)
    _log_usage(store, restored, is_complete, is_pretraining)
    if is_complete:
        return replace(restored, optimizer_state=None)
    remaining = replace(phase.skip(n_restored), keep_optimizer_state=phase.is_resumable)
    result = remaining.train(restored.weights, train, validation, restored.optimizer_state, hooks)
    history = {key: restored.history.get(key, []) + new for key, new in result.history.items()}
    result = replace(result, history=history)
    if history and not result.interrupted:
        checkpoints.save(result, always=is_pretraining)
    return replace(result, optimizer_state=None)


def _log_usage(store: Store, restored: PhaseResult, is_complete, is_pretraining):
    """Log in the store which epochs were restored, and so need not be trained."""
    seconds = restored.history.get("seconds", [])
    numbers = {"epochs_found": len(seconds), "seconds_saved": sum(seconds)} if seconds else {}
    if is_pretraining:
        numbers["pretrainings_found" if is_complete else "pretrainings_computed"] = 1
    if numbers:
        store.log_usage(**numbers)


def _with_prefix(arrays, prefix):
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
