"""What determines a network's graph: a hashable value, free of TensorFlow."""

from dataclasses import dataclass

from ._backbones import Backbone


@dataclass(frozen=True)
class Architecture:
    """Two estimators whose architectures are equal share one traced graph, never weights.

    Parameters
    ----------
    backbone : Backbone
        The body.
    image_shape : tuple of (h, w, c)
        Shape of the images that come in.
    input_size : int or None
        Side, in pixels, that the images are resized to; `None` leaves them as they are where
        the backbone can take them.
    n_classes : int
        Width of the output layer.
    hidden_units : int
        Width of the head's hidden layer; 0 for none.
    dropout, feature_dropout : float
        Dropout behind the hidden layer, and in front of the head.
    dtype : str
        Name of a Keras dtype policy.
    """

    backbone: Backbone
    image_shape: tuple[int, int, int]
    input_size: int | None
    n_classes: int
    hidden_units: int
    dropout: float
    feature_dropout: float
    dtype: str

    @property
    def body_size(self) -> tuple[int, int]:
        """Height and width of the images as the body sees them, in pixels."""
        height, width, _ = self.image_shape
        if self.input_size is not None:
            return self.input_size, self.input_size
        return max(height, self.backbone.min_size), max(width, self.backbone.min_size)

    @property
    def float_type(self) -> str:
        """NumPy's name of the floating-point type that inputs and probabilities have."""
        return "float64" if self.dtype == "float64" else "float32"
