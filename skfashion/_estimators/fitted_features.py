"""What `BackboneFeatures` learns in `fit`."""

from dataclasses import dataclass

from .._data.lazy_images import ImageFormat
from .._networks.architecture import BodyArchitecture, Weights
from .._persistence.backbones import BodyState
from .._persistence.saved_classes import saved


@saved
@dataclass(frozen=True)
class FittedFeatures:
    """All that `transform` reads.

    Parameters
    ----------
    image_format : ImageFormat
        How rows become images.
    architecture : BodyArchitecture
        The body.
    layer : str
        The layer whose output is returned.
    pooling : {"average", "max", "flatten"}
        How it becomes a vector.
    weights : dict of str to ndarray
        The weights up to this layer, by path.
    n_features_out : int
        Length of the vector.
    """

    image_format: ImageFormat
    architecture: BodyArchitecture
    layer: str
    pooling: str
    weights: Weights
    n_features_out: int

    @property
    def body_state(self) -> BodyState:
        """The body, for its fingerprint."""
        spec = self.architecture, self.layer, self.pooling
        return BodyState(*spec, self.weights, self.image_format)

    def check(self) -> None:
        """Check the fields against each other."""
