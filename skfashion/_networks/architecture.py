"""What determines a network's graph: hashable values, free of TensorFlow."""

from dataclasses import dataclass

import numpy as np

from .._backbones.registry import get_backbone
from .._backbones.spec import Backbone

# The weights of a network, by path.
Weights = dict[str, np.ndarray]

PREDICTION_BATCH = 128
# Images of up to so many pixels go in batches of that size, larger ones in smaller batches.
_PIXELS_OF_FULL_BATCH = 96 * 96


@dataclass(frozen=True)
class BodyArchitecture:
    """What determines the graph of a network's body.

    Parameters
    ----------
    backbone : Backbone
        The body.
    image_shape : tuple of (h, w, c)
        Shape of the images that come in.
    input_size : int or None
        Side, in pixels, that the images are resized to; `None` leaves them as they are where
        the backbone can take them.
    dtype : str
        Name of a Keras dtype policy.

    Raises
    ------
    ValueError
        If the backbone takes no images of this size or with so many channels.
    """

    backbone: Backbone
    image_shape: tuple[int, int, int]
    input_size: int | None
    dtype: str

    def __post_init__(self):
        size, least, takes = self.input_size, self.backbone.min_size, self.backbone.channels
        if size is not None and size < least:
            raise ValueError(
                f"input_size={size} is smaller than what backbone {self.backbone.name!r} takes, "
                f"{least} pixels a side. Give at least that, or None."
            )
        channels = self.image_shape[2]
        if takes is not None and channels not in (1, takes):
            these = "1 channel" if takes == 1 else f"1 channel or {takes}"
            raise ValueError(
                f"Backbone {self.backbone.name!r} takes images with {these}, but those in X have "
                f"{channels}. Convert them to grey, or drop what is no colour."
            )

    @property
    def body_size(self) -> tuple[int, int]:
        """Height and width of the images as the body sees them, in pixels."""
        height, width, _ = self.image_shape
        if self.input_size is not None:
            return self.input_size, self.input_size
        return max(height, self.backbone.min_size), max(width, self.backbone.min_size)

    @property
    def prediction_batch(self) -> int:
        """Images in a batch of prediction: always as many, so that nothing depends on it."""
        most_pixels = max(np.prod(self.body_size), np.prod(self.image_shape[:2]))
        return int(
            np.clip(PREDICTION_BATCH * _PIXELS_OF_FULL_BATCH // most_pixels, 1, PREDICTION_BATCH)
        )

    @property
    def float_type(self) -> str:
        """NumPy's name of the floating-point type that inputs and outputs have."""
        return "float64" if self.dtype == "float64" else "float32"


@dataclass(frozen=True)
class Architecture(BodyArchitecture):
    """Two estimators whose architectures are equal share one traced graph, never weights.

    Parameters
    ----------
    backbone, image_shape, input_size, dtype
        As for `BodyArchitecture`.
    n_classes : int
        Width of the output layer.
    hidden_units : int
        Width of the head's hidden layer; 0 for none.
    dropout, feature_dropout : float
        Dropout behind the hidden layer, and in front of the head.
    """

    n_classes: int
    hidden_units: int
    dropout: float
    feature_dropout: float

    @classmethod
    def from_params(cls, params, image_shape, n_classes) -> "Architecture":
        """Return the architecture that the parameters of an estimator describe.

        Parameters
        ----------
        params : TransferClassifier
            The estimator.
        image_shape : tuple of (h, w, c)
            Shape of an image.
        n_classes : int
            Classes of the target task.

        Raises
        ------
        ValueError
            If the backbone is unknown, or takes no images of this size.
        """
        return cls(
            backbone=get_backbone(params.backbone),
            image_shape=image_shape,
            input_size=params.input_size,
            dtype=params.dtype,
            n_classes=n_classes,
            hidden_units=int(params.hidden_units),
            dropout=float(params.dropout),
            feature_dropout=float(params.feature_dropout),
        )
