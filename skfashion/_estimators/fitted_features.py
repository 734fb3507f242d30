"""The fitted state of `BackboneFeatures`."""

from dataclasses import dataclass

from .._cache.store import Store
from .._data.lazy_images import ImageFormat, LazyImages
from .._data.row_subset import RowSubset
from .._networks.architecture import BodyArchitecture, Weights, hash_weights
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
    layer : str or list of str
        The layers whose outputs are returned.
    pooling : {"average", "max", "flatten"}
        Conversion of each output to a vector.
    weights : dict of str to ndarray
        The weights that the outputs depend on, by path.
    n_features_out : int
        Length of the vectors side by side.
    """

    image_format: ImageFormat
    architecture: BodyArchitecture
    layer: str | list[str]
    pooling: str
    weights: Weights
    n_features_out: int

    @property
    def spec(self) -> tuple[BodyArchitecture, str | list[str], str]:
        """The body, the layers and the pooling."""
        return self.architecture, self.layer, self.pooling

    @property
    def body_state(self) -> BodyState:
        """The body, for its fingerprint."""
        return BodyState(*self.spec, self.weights, self.image_format)

    def images(self, rows) -> LazyImages:
        """Return validated rows as the network takes them."""
        return self.image_format.lazy_images(RowSubset(rows), self.architecture.float_type)

    def check(self) -> None:
        """Check the fields of a state that was loaded.

        Raises
        ------
        ValueError
            If there is no layer.
        """
        if not self.layer:
            raise ValueError("it names no layer")


@dataclass(frozen=True)
class FeatureSharing:
    """Inputs of `transform` for shared features.

    Parameters
    ----------
    store : Store
        Where features are shared.
    weights : dict of str to ndarray
        All weights of the body, by path: a pass runs to the last stage.
    hashes : dict of str to str
        A hash of each weight, by path.
    """

    store: Store
    weights: Weights
    hashes: dict[str, str]

    @classmethod
    def of(cls, store: Store, weights: Weights) -> "FeatureSharing":
        """Return the sharing inputs with these weights."""
        return cls(store, weights, hash_weights(weights))
