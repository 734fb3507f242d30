"""A phase as arrays of a store's entry: its key and its state."""

import json
from dataclasses import replace

import numpy as np

from .._cache.fingerprint import environment_fingerprint
from .._cache.hashing import digest, hash_array
from .._networks.architecture import Weights
from .early_stopping import EarlyStoppingState
from .epoch_data import EncodedData
from .phase import Phase, PhaseResult
from .trainer_spec import OptimizerState

_WEIGHT, _OPTIMIZER, _BEST = "weight/", "optimizer/", "best/"
_HISTORY, _EPOCHS = "history as JSON", "epochs"
_BEST_LOSS, _PATIENCE = "best loss", "epochs without improvement"


def phase_key(
    phase: Phase, weights: Weights, train: EncodedData, validation: EncodedData | None
) -> str:
    """Return a hash of everything that changes bits of a phase, except length and freeze points.

    Parameters
    ----------
    phase : Phase
        The phase.
    weights : dict of str to ndarray
        All weights that it starts from.
    train, validation : EncodedData
        Its images.
    """
    data = [
        part
        for rows in (train, validation)
        if rows
        for part in (hash_array(rows.inputs), rows.targets, rows.weights)
    ]
    return digest(
        environment_fingerprint(),
        phase.name,
        phase.network.key,
        # Rates decay over stages, which are no part of Keras' configuration.
        phase.network.architecture.backbone.stages,
        replace(phase.config, freeze_points=()),
        phase.streams.root,
        *(part for path in sorted(weights) for part in (path, weights[path])),
        *data,
    )


def to_arrays(result: PhaseResult, start: Weights) -> dict[str, np.ndarray]:
    """Return the state of a phase as arrays.

    Parameters
    ----------
    result : PhaseResult
        The result.
    start : dict of str to ndarray
        The weights that the phase started from. Those that are still the same are left out.
    """
    history = json.dumps(result.history).encode()
    arrays = {_EPOCHS: np.array(result.n_epochs), _HISTORY: np.frombuffer(history, np.uint8)}
    arrays |= _changed(_WEIGHT, result.weights, start)
    if result.optimizer_state:
        values = enumerate(result.optimizer_state.values)
        arrays |= {f"{_OPTIMIZER}{number}": value for number, value in values}
    state = result.early_stopping
    if state and state.best_weights is not None:
        arrays |= _changed(_BEST, state.best_weights, start)
        arrays[_BEST_LOSS] = np.array(state.best_loss)
        arrays[_PATIENCE] = np.array(state.epochs_without_improvement)
    return arrays


def to_result(arrays: dict[str, np.ndarray], phase: Phase, start: Weights) -> PhaseResult:
    """Return the result that arrays of `to_arrays` hold.

    Parameters
    ----------
    arrays : dict of str to ndarray
        The arrays.
    phase : Phase
        The phase.
    start : dict of str to ndarray
        The weights that the phase started from.
    """
    n_epochs = int(arrays[_EPOCHS])
    optimizer_state = early_stopping = None
    if values := _with_prefix(arrays, _OPTIMIZER):
        key = phase.optimizer_key(phase.epochs[n_epochs - 1])
        optimizer_state = OptimizerState(key, [values[str(n)] for n in range(len(values))])
    if _BEST_LOSS in arrays:
        early_stopping = EarlyStoppingState(
            best_loss=float(arrays[_BEST_LOSS]),
            best_weights={**start, **_with_prefix(arrays, _BEST)},
            epochs_without_improvement=int(arrays[_PATIENCE]),
        )
    return PhaseResult(
        weights={**start, **_with_prefix(arrays, _WEIGHT)},
        history=json.loads(arrays[_HISTORY].tobytes()),
        optimizer_state=optimizer_state,
        early_stopping=early_stopping,
        n_epochs=n_epochs,
    )


def _changed(prefix, weights, start):
    """Return the weights that changed since the start, by prefixed path."""
    return {prefix + path: array for path, array in weights.items() if array is not start[path]}


def _with_prefix(arrays, prefix):
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
