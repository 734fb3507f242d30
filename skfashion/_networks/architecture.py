"""Specifications of the graph of a network, as hashable values, without TensorFlow."""

from dataclasses import dataclass, replace

import numpy as np

from .._backbones.spec import Backbone
from .._cache.hashing import digest

# The weights of a network, by path.
Weights = dict[str, np.ndarray]

PREDICTION_BATCH = 128
# Images of more pixels have smaller batches.
_PIXELS_OF_FULL_BATCH = 96 * 96
# The layers of dropout in the head. The parameters with their rates have the same names.
DROPOUT_LAYERS = "feature_dropout", "dropout"
# Rate of traced networks for all rates above 0.
_ANY_RATE = 0.5


def hash_weights(weights: Weights) -> dict[str, str]:
    """Return a hash of each weight, by path."""
    return {path: digest(array) for path, array in weights.items()}


@dataclass(frozen=True)
class BodyArchitecture:
    """Specification of the graph of a network's body: backbone, image size and type.

    Parameters
    ----------
    backbone : Backbone
        The backbone.
    image_shape : tuple of (h, w, c)
        Shape of the images.
    input_size : int or None
        Side of resized images in pixels. `None` only enlarges images that are smaller than the
        backbone's `min_size`.
    dtype : str
        Name of a Keras dtype policy.

    Raises
    ------
    ValueError
        If the backbone takes no images of this size or number of channels.
    """

    backbone: Backbone
    image_shape: tuple[int, int, int]
    input_size: int | None
    dtype: str

    def __post_init__(self):
        size, min_size, takes = self.input_size, self.backbone.min_size, self.backbone.channels
        if size is not None and size < min_size:
            raise ValueError(
                f"input_size={size} is smaller than the smallest images that backbone "
                f"{self.backbone.name!r} takes, {min_size} pixels a side. Give at least that, or "
                "None."
            )
        channels = self.image_shape[2]
        if takes is not None and channels not in (1, takes):
            these = "1 channel" if takes == 1 else f"1 channel or {takes}"
            raise ValueError(
                f"Backbone {self.backbone.name!r} takes images with {these}, but those in X have "
                f"{channels}. Convert them to grey, or drop the channels that are not colours."
            )

    def body(self, backbone: Backbone | None = None) -> "BodyArchitecture":
        """Return the specification of the body alone, or of another backbone's on such images."""
        backbone = backbone or self.backbone
        return BodyArchitecture(backbone, self.image_shape, self.input_size, self.dtype)

    @property
    def body_size(self) -> tuple[int, int]:
        """Height and width of the images after resizing, in pixels."""
        height, width, _ = self.image_shape
        if self.input_size is not None:
            return self.input_size, self.input_size
        return max(height, self.backbone.min_size), max(width, self.backbone.min_size)

    @property
    def prediction_batch(self) -> int:
        """Images in a batch of prediction: a constant, so that no result depends on it."""
        n_pixels = max(np.prod(self.body_size), np.prod(self.image_shape[:2]))
        return int(
            np.clip(PREDICTION_BATCH * _PIXELS_OF_FULL_BATCH // n_pixels, 1, PREDICTION_BATCH)
        )

    @staticmethod
    def choose_float_type(dtype: str) -> str:
        """Return NumPy's name of the type of inputs and outputs of a network of this `dtype`."""
        return "float64" if dtype == "float64" else "float32"

    @property
    def float_type(self) -> str:
        """NumPy's name of the type of inputs and outputs."""
        return self.choose_float_type(self.dtype)


@dataclass(frozen=True)
class Architecture(BodyArchitecture):
    """Specification of the graph of a network.

    Estimators with equal architectures share one traced graph, but never weights. The rates of
    dropout may differ: see `traced`.

    Parameters
    ----------
    backbone, image_shape, input_size, dtype
        As for `BodyArchitecture`.
    n_classes : int
        Width of the output layer.
    hidden_units : int
        Width of the head's hidden layer; 0 for none.
    dropout, feature_dropout : float
        Dropout after the hidden layer, and before the head.
    """

    n_classes: int
    hidden_units: int
    dropout: float
    feature_dropout: float

    @classmethod
    def from_params(
        cls,
        params,
        backbone: Backbone,
        image_shape: tuple[int, int, int],
        hidden_units: int,
        n_classes: int,
    ) -> "Architecture":
        """Return the architecture that the parameters of an estimator describe.

        Parameters
        ----------
        params : TransferClassifier
            The estimator.
        backbone : Backbone
            Its backbone, up to the body's end.
        image_shape : tuple of (h, w, c)
            Shape of an image.
        hidden_units : int
            Width of the head's hidden layer.
        n_classes : int
            Classes of the target task.

        Raises
        ------
        ValueError
            If the backbone takes no images of this size or number of channels.
        """
        return cls(
            backbone=backbone,
            image_shape=image_shape,
            input_size=params.input_size,
            dtype=params.dtype,
            n_classes=n_classes,
            hidden_units=int(hidden_units),
            dropout=float(params.dropout),
            feature_dropout=float(params.feature_dropout),
        )

    @property
    def traced(self) -> "Architecture":
        """The architecture that is traced: rates of dropout above 0 are given at run time."""
        return replace(
            self,
            dropout=_ANY_RATE if self.dropout else 0.0,
            feature_dropout=_ANY_RATE if self.feature_dropout else 0.0,
        )

    def at_rates_of(self, params) -> "Architecture":
        """Return the architecture with the rates of dropout of an estimator."""
        return replace(
            self, dropout=float(params.dropout), feature_dropout=float(params.feature_dropout)
        )
