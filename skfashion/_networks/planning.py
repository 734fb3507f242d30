"""What an estimator's parameters come to, before anything trains."""

from pathlib import Path

from .._backbones.registry import get_backbone
from .._backbones.spec import Backbone, OfficialWeights
from .._data.class_split import ClassSplit
from .architecture import Architecture


def plan_architecture(params, image_shape, n_classes) -> Architecture:
    """Return the architecture that an estimator's parameters stand for.

    Parameters
    ----------
    params : TransferClassifier
        Where the parameters come from.
    image_shape : tuple of (h, w, c)
        Shape of an image.
    n_classes : int
        Classes of the target task.

    Raises
    ------
    ValueError
        If there is no such backbone, or it takes no images of this size.
    """
    return Architecture(
        backbone=get_backbone(params.backbone),
        image_shape=image_shape,
        input_size=params.input_size,
        dtype=params.dtype,
        n_classes=n_classes,
        hidden_units=int(params.hidden_units),
        dropout=float(params.dropout),
        feature_dropout=float(params.feature_dropout),
    )


def starts_from_kept_weights(params, pretrains) -> bool:
    """Whether fine-tuning starts from weights worth keeping."""
    return params.weights is not None or pretrains


def plan_freeze_until(params, backbone: Backbone, pretrains) -> str | int | None:
    """Return `freeze_until`, and what it comes to where it is "auto"."""
    if params.freeze_until != "auto":
        return params.freeze_until
    return backbone.default_freeze if starts_from_kept_weights(params, pretrains) else None


def check_output_layer(params, split: ClassSplit) -> None:
    """Check that both tasks have as many classes, where the output layer is kept.

    Raises
    ------
    ValueError
        If they do not.
    """
    n_source, n_target = len(split.source), len(split.target)
    if params.output_layer == "keep" and split.pretrains and n_source != n_target:
        raise ValueError(
            'output_layer="keep" takes the output layer over to the target task, so both '
            f"tasks need the same number of classes; the source task has {n_source}, the "
            f'target task {n_target}. Use output_layer="new".'
        )


def check_weights(weights, backbone: Backbone) -> None:
    """Check that there is such a file of weights, or an official release that can be fetched.

    Raises
    ------
    FileNotFoundError
        If there is no file of this name.
    ValueError
        If there is no official release for this backbone.
    """
    if weights == "imagenet":
        official_of(backbone)
    elif weights is not None and not (path := Path(weights).expanduser()).is_file():
        raise FileNotFoundError(
            f"weights={str(path)!r}: there is no such file. Give the path of one, or "
            '"imagenet", or None.'
        )


def official_of(backbone: Backbone) -> OfficialWeights:
    """Return where a backbone's official weights come from.

    Raises
    ------
    ValueError
        If there are none.
    """
    if backbone.official is None:
        raise ValueError(
            f'weights="imagenet": backbone {backbone.name!r} has no official weights with a '
            "published hash. Pass the path of a file, as weights=PATH, or None. Where Keras has "
            'such weights, its model writes one: model.save("body.keras").'
        )
    return backbone.official
