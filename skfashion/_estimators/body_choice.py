"""The end of the body: the stage with features that separate the classes best."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np

from .._cache.store import Store
from .._data.class_split import encode
from .._data.labelled_data import LabelledData
from .._networks.architecture import BodyArchitecture, Weights
from .._networks.body import get_body
from .._random_streams import RandomStreams
from .._training.head_probe import MOST_ROWS_TO_COMPARE, cross_validated_loss
from .stage_features import compute_stage_features

# Keras' addition to the variance in LayerNormalization.
_EPSILON = 1e-3


def choose_body_end(
    architecture: BodyArchitecture,
    weights: Weights,
    freeze_until: str | int | None,
    data: LabelledData,
    classes: np.ndarray,
    streams: RandomStreams,
    store: Store | None,
) -> str | None:
    """Return the stage with the lowest cross-validated loss of a linear probe.

    Parameters
    ----------
    architecture : BodyArchitecture
        The whole body.
    weights : dict of str to ndarray
        Its weights.
    freeze_until : str, int or None
        The parameter. The body does not end before the freeze point.
    data : LabelledData
        Images of the target task to train on.
    classes : ndarray of shape (n_classes,)
        Labels of the target task.
    streams : RandomStreams
        Seeds.
    store : Store or None
        Where features are shared.

    Returns
    -------
    str or None
        The stage; `None` if fewer than two classes have two rows, for cross-validation.
    """
    ends = _possible_ends(architecture, freeze_until)
    if len(ends) == 1:
        return ends[0]
    data = _rows_to_compare(data, classes, streams.integer("rows to compare stages on"))
    present = np.unique(data.y)
    if len(present) < 2:
        return None
    targets = encode(present, data.y)
    features = compute_head_inputs(architecture, ends, weights, data.X, store)
    seed = streams.integer("folds to compare stages on")
    losses = {
        stage: cross_validated_loss(vectors, targets, data.weight, len(present), seed)
        for stage, vectors in features.items()
    }
    return min(losses, key=losses.__getitem__)


def _rows_to_compare(data: LabelledData, classes, seed: int) -> LabelledData:
    """Return a sample of the rows, without classes that have a single row in it."""
    sample = data.sample(max(MOST_ROWS_TO_COMPARE, 2 * len(classes)), seed)
    labels, counts = np.unique(sample.y, return_counts=True)
    # Cross-validation takes a row of each class to fit a probe, and one to score it.
    return sample.of_classes(labels[counts > 1])


def _possible_ends(architecture, freeze_until) -> list[str]:
    """Return the stages that are not before a freeze point."""
    stages = [*architecture.backbone.stages]
    layers = [layer.name for layer in get_body(architecture).body.layers]
    if isinstance(freeze_until, Integral):
        ends = stages[max(abs(int(freeze_until)), 1) - 1 :]
    elif freeze_until in layers:
        index = layers.index(freeze_until)
        ends = [stage for stage in stages if layers.index(stage) >= index]
    elif freeze_until in (None, "auto", "features"):
        ends = stages
    else:
        # A layer of the head; or no layer, which the network rejects and lists all of its stages.
        ends = []
    return ends or stages[-1:]


def compute_head_inputs(
    architecture: BodyArchitecture,
    stages: Sequence[str],
    weights: Weights,
    images,
    store: Store | None,
) -> dict[str, np.ndarray]:
    """Return the input vectors of a head after each stage.

    Parameters
    ----------
    architecture, weights, store
        As for `choose_body_end`.
    stages : sequence of str
        Names of stages.
    images : LazyImages of shape (n, h, w, c)
        The images.
    """
    head_pooling = architecture.backbone.pooling
    normalizes = head_pooling == "normalized_average"
    pooling = "average" if normalizes else head_pooling
    features = compute_stage_features(architecture, stages, pooling, weights, images, store)
    return dict(zip(stages, map(_normalize, features) if normalizes else features, strict=True))


def _normalize(vectors):
    """Return vectors as Keras' LayerNormalization returns them, without scale and center."""
    mean, variance = (of(vectors, axis=1, keepdims=True) for of in (np.mean, np.var))
    return (vectors - mean) / np.sqrt(variance + _EPSILON)
