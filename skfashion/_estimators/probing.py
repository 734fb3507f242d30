"""The output layer of a network, started from a linear probe."""

import numpy as np

from .._cache.store import Store
from .._data.class_split import encode
from .._data.labelled_data import LabelledData
from .._networks.architecture import Weights
from .._networks.frozen_part import FrozenPart
from .._networks.network import Network
from .._training.head_probe import MOST_ROWS, LinearProbe

_KERNEL, _BIAS = "output/kernel", "output/bias"


def probe_output_layer(
    network: Network,
    freeze_point: str | None,
    weights: Weights,
    data: LabelledData,
    classes: np.ndarray,
    store: Store | None,
    seed: int,
) -> Weights:
    """Return the weights with a logistic regression on its inputs as output layer.

    Parameters
    ----------
    network : Network
        The network.
    freeze_point : str or None
        The freeze point, whose features are shared.
    weights : dict of str to ndarray
        All weights of the network.
    data : LabelledData
        Images of the target task; of more than `MOST_ROWS`, a stratified sample is taken.
    classes : ndarray of shape (n_classes,)
        Labels of the target task.
    store : Store or None
        Where features are shared.
    seed : int
        Seed of the sample.
    """
    data = data.sample(MOST_ROWS, seed)
    features = FrozenPart(network, freeze_point, weights, store).head_inputs(data.X)
    probe = LinearProbe(features, encode(classes, data.y), data.weight, len(classes))
    types = {path: weights[path].dtype for path in (_KERNEL, _BIAS)}
    return {
        **weights,
        _KERNEL: probe.kernel.astype(types[_KERNEL]),
        _BIAS: probe.bias.astype(types[_BIAS]),
    }
