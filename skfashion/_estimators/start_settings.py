"""The settings of a fit, resolved on the rows of the first one."""

from dataclasses import replace

import numpy as np

from .._cache.store import Store
from .._data.class_split import ClassSplit, encode
from .._data.labelled_data import LabelledData
from .._data.lazy_images import ImageFormat
from .._networks.architecture import BodyArchitecture
from .._networks.body import get_body
from .._networks.weight_files import load_body_weights
from .._random_streams import RandomStreams
from .body_choice import choose_body_end
from .defaults import FitSettings
from .fitted_network import FittedState
from .task_rows import split_task_rows


def start_settings(
    params,
    image_format: ImageFormat,
    split: ClassSplit,
    train: LabelledData,
    validation: LabelledData | None,
    streams: RandomStreams,
    store: Store | None,
    is_partial: bool,
    fitted: FittedState | None,
) -> FitSettings:
    """Return the settings of a fit, with the end of the body chosen where that is "auto".

    Parameters
    ----------
    params : TransferClassifier
        The estimator.
    image_format : ImageFormat
        How rows become images.
    split : ClassSplit
        The labels of both tasks.
    train, validation : LabelledData
        Images to train on, and images to evaluate, which may be `None`.
    streams : RandomStreams
        Seeds.
    store : Store or None
        Where features are shared.
    is_partial : bool
        Whether this is a call of `partial_fit`.
    fitted : FittedState or None
        The state that this fit continues from; `None` for a first fit.
    """
    if fitted is not None:
        return fitted.settings.continue_with(params)
    n_source = len(train.of_classes(split.source)) if split.pretrains else 0
    labels = train.of_classes(split.target).y
    counts = np.bincount(encode(split.target, labels), minlength=len(split.target)).tolist()
    settings = FitSettings.resolve(params, n_source, sum(counts), min(counts), is_partial)
    if settings.body_until != "auto":
        return settings
    backbone = settings.whole_backbone(params)
    body = BodyArchitecture(backbone, image_format.image_shape, params.input_size, params.dtype)
    weights = load_body_weights(params.weights, get_body(body))
    rows, _ = split_task_rows(
        params, settings, "fine-tune", train, validation, split.target, streams
    )
    end = choose_body_end(body, weights, params.freeze_until, rows, split.target, streams, store)
    return replace(settings, body_until=end)
