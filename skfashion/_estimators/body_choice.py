"""The end of the body: the stage with features that separate the classes best."""

from numbers import Integral

import numpy as np

from .._data.class_split import encode
from .._data.labelled_data import LabelledData
from .._networks.architecture import BodyArchitecture, Weights
from .._networks.body import get_body
from .._networks.stage_features import get_stage_features
from .._random_streams import RandomStreams
from .._training.head_probe import MOST_ROWS_TO_COMPARE, cross_validated_loss


def choose_body_end(
    architecture: BodyArchitecture,
    weights: Weights,
    freeze_until: str | int | None,
    data: LabelledData,
    classes: np.ndarray,
    streams: RandomStreams,
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

    Returns
    -------
    str or None
        The stage; `None` if a class has a single row, so that there is no cross-validation.
    """
    ends = _possible_ends(architecture, freeze_until)
    if len(ends) == 1:
        return ends[0]
    data = data.sample(MOST_ROWS_TO_COMPARE, streams.integer("rows to compare stages on"))
    targets = encode(classes, data.y)
    if np.bincount(targets)[np.unique(targets)].min() < 2:
        return None
    features = get_stage_features(architecture).features(weights, data.X)
    seed = streams.integer("folds to compare stages on")
    losses = {
        stage: cross_validated_loss(vectors, targets, data.weight, len(classes), seed)
        for stage, vectors in features.items()
        if stage in ends
    }
    return min(losses, key=losses.__getitem__)


def _possible_ends(architecture, freeze_until) -> list[str]:
    """Return the stages that are not before a freeze point."""
    stages = [*architecture.backbone.stages]
    layers = [layer.name for layer in get_body(architecture).body.layers]
    if isinstance(freeze_until, Integral):
        ends = stages[max(abs(int(freeze_until)), 1) - 1 :]
    elif freeze_until in layers:
        index = layers.index(freeze_until)
        ends = [stage for stage in stages if layers.index(stage) >= index]
    else:
        ends = stages
    return ends or stages[-1:]
