"""The front part of a backbone, with its output pooled to a vector."""

from functools import cached_property, lru_cache

from ._architecture import BodyArchitecture
from ._graph import BatchFunction, Graph, Weights
from ._names import unknown_name
from ._tensorflow import keras

MOST_EXTRACTORS = 8


@lru_cache(maxsize=MOST_EXTRACTORS)
def get_extractor(architecture: BodyArchitecture, layer: str, pooling: str) -> "Extractor":
    """Return the process's extractor of this kind; the least recently used one goes."""
    return Extractor(architecture, layer, pooling)


class Extractor(Graph):
    """The graph from images to pooled features of a layer.

    Parameters
    ----------
    architecture : BodyArchitecture
        The body.
    layer : str
        Name of a layer, or "features" for the whole body.
    pooling : {"average", "max", "flatten"}
        How a feature map becomes a vector.

    Raises
    ------
    ValueError
        If there is no such layer.
    """

    def __init__(self, architecture: BodyArchitecture, layer: str, pooling: str):
        self._layer, self._pooling = layer, pooling
        super().__init__(architecture)

    def _finish(self, features):
        if self._layer != "features":
            names = [layer.name for layer in self.body.layers]
            if self._layer not in names:
                stages = self.architecture.backbone.stages
                others = [name for name in names if name not in stages]
                raise ValueError(unknown_name("layer", self._layer, [*stages, "features", *others]))
            features = self.body.get_layer(self._layer).output
        if self._pooling == "flatten" or len(features.shape) != 4:
            return keras.layers.Flatten(name="flatten")(features)
        if self._pooling == "max":
            return keras.layers.GlobalMaxPooling2D(name="max")(features)
        return keras.layers.GlobalAveragePooling2D(name="average")(features)

    @property
    def n_features(self) -> int:
        """Length of the vector."""
        return int(self.model.outputs[0].shape[1])

    @cached_property
    def _run(self):
        return BatchFunction(self.model, self.architecture.float_type)

    def features(self, weights: Weights, images):
        """Return an array of shape (n, n_features) for images of shape (n, h, w, c)."""
        return self._run(weights, images)
