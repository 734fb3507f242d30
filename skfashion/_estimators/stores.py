"""The stores that a fit uses: those of the parameters `memory` and `checkpoint`."""

from typing import TYPE_CHECKING

import numpy as np

from .._cache.memory import open_store
from .._cache.store import Store
from .._messages import warn_user

if TYPE_CHECKING:  # this module imports TensorFlow
    from .._networks.network import Network


def open_memory(params, pretrains: bool = False) -> Store | None:
    """Return the store of `memory`, whose folder is made if it is missing.

    It is `None` if nothing in it could be found again.

    Parameters
    ----------
    params : TransferClassifier or BackboneFeatures
        The estimator.
    pretrains : bool, default=False
        Whether there is a source task.
    """
    store = open_store(params.memory, params.memory_limit)
    if store and params.random_state is None and (pretrains or params.weights is None):
        warn_user(
            "memory shares nothing with random_state=None, which never draws the same weights "
            "twice. Set random_state to an int."
        )
        return None
    if store:
        with store.failures_tolerated():
            store.make_location()
    return store


def open_checkpoint(
    params, network: "Network", freeze_point: str | None, is_partial: bool
) -> Store | None:
    """Return the store of `checkpoint`, or `None` for none.

    Parameters
    ----------
    params : TransferClassifier
        The estimator.
    network : Network
        The network.
    freeze_point : str or None
        The freeze point of the phase in which most weights train.
    is_partial : bool
        Whether this is a call of `partial_fit`, which saves no checkpoint.

    Raises
    ------
    ValueError
        If a file with the weights that train cannot be written, or if no other process would
        recognise the network.
    """
    if params.checkpoint is None or is_partial:
        return None
    network.check_recognised()
    _, n_parameters = network.count_parameters(freeze_point)
    n_bytes = n_parameters * np.dtype(network.architecture.float_type).itemsize
    store = Store(params.checkpoint)
    try:
        store.check_writable(n_bytes)
    except OSError as error:
        raise ValueError(
            f"checkpoint={params.checkpoint!r}: a test file of {n_bytes / 1e6:.1f} MB could not be "
            f"written to this folder: {error}. Free disk space, give another folder, or set "
            "checkpoint=None."
        ) from error
    return store
