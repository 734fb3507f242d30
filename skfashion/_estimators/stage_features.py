"""Features of a body's stages, from one pass over the images."""

from collections.abc import Sequence

import numpy as np

from .._cache.store import Store
from .._data.lazy_images import LazyImages
from .._networks.architecture import BodyArchitecture, Weights, hash_weights
from .._networks.pooled_features import get_pooled_features


def compute_stage_features(
    architecture: BodyArchitecture,
    layers: Sequence[str],
    pooling: str,
    weights: Weights,
    images: LazyImages,
    store: Store | None,
) -> list[np.ndarray]:
    """Return an array of shape (n, n_features) for each layer.

    Parameters
    ----------
    architecture : BodyArchitecture
        The whole body.
    layers : sequence of str
        Names of layers, or "features" for the whole body.
    pooling : {"average", "max", "flatten"}
        Conversion of a layer's output to a vector.
    weights : dict of str to ndarray
        Weights by path: those of the body, and any others.
    images : LazyImages of shape (n, h, w, c)
        The images.
    store : Store or None
        Where features are shared.
    """
    pooled_features = get_pooled_features(architecture, layers, pooling)
    weights = {path: weights[path] for path in pooled_features.body.shapes}
    if store is None:
        features = pooled_features.features(weights, images)
    else:
        features = pooled_features.shared_features(weights, hash_weights(weights), images, store)
    ends = np.cumsum(pooled_features.widths)
    return np.split(features, ends[:-1], axis=1)
