"""Runs of a phase, found in a store where they went before, and gone on with from there."""

from dataclasses import replace

import numpy as np

from .._cache.fingerprint import environment_fingerprint
from .._cache.hashing import digest, hash_array
from .._cache.store import Store
from .._networks.graph import Weights
from .phase import EpochEnd, OptimizerState, Phase, Trained
from .trainer import Rows

_WEIGHT, _HISTORY, _OPTIMIZER = "weight/", "history/", "optimizer/"
# A run that few others will look for is kept if it took ten times as long as to write it takes, at
# 500 million bytes a second.
SECONDS_PER_BYTE = 10 / 500e6


class PhaseCheckpoints:
    """Runs of one phase from one start, on the same rows, for more or fewer epochs.

    Where learning rates do not depend on how long the phase is, and nothing ends it early, a run is
    the beginning of every longer one: random streams are numbered by epoch, and the optimizer's
    variables are kept with the weights.

    Parameters
    ----------
    store : Store
        Where they are kept.
    phase : Phase
        The phase, from its first epoch on.
    weights, rows, validation
        As of `Phase.train`.
    """

    def __init__(self, store: Store, phase: Phase, weights: Weights, rows: Rows, validation):
        self._store, self._phase, self._start = store, phase, weights
        data = [
            part
            for some in (rows, validation)
            if some
            for part in (hash_array(some.inputs), some.targets, some.weights)
        ]
        self._key = digest(
            environment_fingerprint(),
            phase.name,
            phase.network.config,
            replace(phase.settings, freeze_points=()),
            phase.seeds.root,
            *(part for path in sorted(weights) for part in (path, weights[path])),
            *data,
        )

    def find_longest(self) -> tuple[int, Trained]:
        """Return the epochs of the longest run that is no longer than the phase, and its outcome.

        Without one, these are 0 and the start.
        """
        phase = self._phase
        shorter = range(phase.epochs - 1, 0, -1) if phase.can_go_on else ()
        for epochs in (phase.epochs, *shorter):
            found = self._store.load(self._key_of(epochs))
            if found is not None and _with_prefix(found, _WEIGHT).keys() <= self._start.keys():
                return epochs, self._trained(found, epochs)
        return 0, Trained(self._start, {}, None)

    def keep(self, trained: Trained, always) -> None:
        """Keep a run of all epochs; if not `always`, where that is quick beside training."""
        arrays = {
            _WEIGHT + path: array
            for path, array in trained.weights.items()
            if array is not self._start[path]
        }
        arrays |= {_HISTORY + name: np.array(some) for name, some in trained.history.items()}
        if trained.optimizer:
            values = enumerate(trained.optimizer.values)
            arrays |= {f"{_OPTIMIZER}{number}": value for number, value in values}
        least_seconds = SECONDS_PER_BYTE * sum(array.nbytes for array in arrays.values())
        if always or sum(trained.history["seconds"]) > least_seconds:
            self._store.save(self._key_of(self._phase.epochs), arrays)

    def _key_of(self, epochs):
        return digest(self._key, self._phase.settings.freeze_points[:epochs])

    def _trained(self, found, epochs) -> Trained:
        history = {name: some.tolist() for name, some in _with_prefix(found, _HISTORY).items()}
        values = _with_prefix(found, _OPTIMIZER)
        state = None
        if values:
            trained = self._phase.trained_in(epochs - 1)
            state = OptimizerState(trained, [values[str(n)] for n in range(len(values))])
        return Trained({**self._start, **_with_prefix(found, _WEIGHT)}, history, state)


def restore_or_train(
    store: Store,
    phase: Phase,
    weights: Weights,
    rows: Rows,
    validation: Rows | None,
    begin_epoch,
    *,
    is_pretraining,
) -> Trained:
    """Return what a phase leaves, of which only those epochs run that no run in a store has.

    A phase that a callback ended is not kept.

    Parameters
    ----------
    store : Store
        Where runs are kept.
    phase : Phase
        The phase, from its first epoch on.
    weights, rows, validation, begin_epoch
        As of `Phase.train`.
    is_pretraining : bool
        Whether many other fits will look for this run, whatever they do afterwards.
    """
    runs = PhaseCheckpoints(store, phase, weights, rows, validation)
    n_found, before = runs.find_longest()
    _note(store, before, n_found == phase.epochs, is_pretraining)
    if n_found == phase.epochs:
        return replace(before, optimizer=None)
    ended_by_callback = []

    def watched_begin_epoch() -> EpochEnd:
        end_epoch = begin_epoch()

        def watched_end_epoch(record, get_weights):
            stop = end_epoch(record, get_weights)
            if stop:
                ended_by_callback.append(record)
            return stop

        return watched_end_epoch

    rest = replace(phase.behind(n_found), keeps_optimizer=phase.can_go_on)
    further = rest.train(
        before.weights, rows, validation, before.optimizer, begin_epoch=watched_begin_epoch
    )
    history = {name: before.history.get(name, []) + some for name, some in further.history.items()}
    trained = replace(further, history=history)
    if not ended_by_callback and history:
        runs.keep(trained, always=is_pretraining)
    return replace(trained, optimizer=None)


def _note(store: Store, before: Trained, is_whole, is_pretraining):
    """Write to the store's log what was found, and so need not be trained."""
    seconds = before.history.get("seconds", [])
    numbers = {"epochs_found": len(seconds), "seconds_saved": sum(seconds)} if seconds else {}
    if is_pretraining:
        numbers["pretrainings_found" if is_whole else "pretrainings_computed"] = 1
    if numbers:
        store.log_usage(**numbers)


def _with_prefix(arrays, prefix):
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
