"""Pretraining, found in a store where it ran before with everything the same."""

from dataclasses import fields

import numpy as np

from ._environment import environment
from ._graph import Weights
from ._store import Store, digest
from ._trainer import Rows
from ._training import EpochEnd, Phase, Trained

_WEIGHT, _HISTORY = "weight/", "history/"


def find_or_train(
    store: Store, phase: Phase, weights: Weights, rows: Rows, validation: Rows | None, begin_epoch
) -> Trained:
    """Return what a phase that trains all of a network leaves; parameters as of `Phase.train`.

    A phase that a callback ended is not kept.
    """
    key = _key(phase, weights, rows, validation)
    found = store.load(key)
    if found is not None and _with_prefix(found, _WEIGHT).keys() == weights.keys():
        history = _with_prefix(found, _HISTORY)
        store.note(pretrainings_found=1, seconds_saved=float(history["seconds"].sum()))
        lists = {name: values.tolist() for name, values in history.items()}
        return Trained(_with_prefix(found, _WEIGHT), lists, None)
    ended_by_callback = []

    def watched_begin_epoch() -> EpochEnd:
        end_epoch = begin_epoch()

        def watched_end_epoch(record, get_weights):
            stop = end_epoch(record, get_weights)
            if stop:
                ended_by_callback.append(record)
            return stop

        return watched_end_epoch

    trained = phase.train(weights, rows, validation, begin_epoch=watched_begin_epoch)
    store.note(pretrainings_computed=1)
    if not ended_by_callback and trained.history:
        arrays = {_WEIGHT + path: array for path, array in trained.weights.items()}
        arrays |= {_HISTORY + name: np.array(some) for name, some in trained.history.items()}
        store.save(key, arrays)
    return trained


def _key(phase: Phase, weights, rows, validation):
    """Hash all that changes a bit of the outcome."""
    data = [getattr(some, f.name) for some in (rows, validation) if some for f in fields(Rows)]
    return digest(
        environment(),
        phase.network.config,
        phase.settings,
        phase.seeds.root,
        phase.epochs,
        *(part for path in sorted(weights) for part in (path, weights[path])),
        *data,
    )


def _with_prefix(arrays, prefix):
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
