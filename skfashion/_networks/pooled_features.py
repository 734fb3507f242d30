"""The front part of a backbone, with its output pooled to a vector."""

from functools import cached_property, lru_cache

import numpy as np

from .._keras.global_state import fresh_keras_state
from .._keras.runtime import check_runtime
from .._keras.tensorflow import keras
from .architecture import BodyArchitecture
from .batch_function import FixedBatchFunction, run_batches
from .graph import Graph, Weights, pool

MAX_BODIES = 4
MAX_EXTRACTORS = 16


@lru_cache(maxsize=MAX_BODIES)
def get_body(architecture: BodyArchitecture) -> Graph:
    """Return the process's body of this architecture; the least recently used is dropped."""
    return Graph(architecture)


def get_pooled_features(
    architecture: BodyArchitecture, layer: str, pooling: str
) -> "PooledFeatures":
    """Return the process's extractor of this kind; the least recently used is dropped.

    Raises
    ------
    ValueError
        If there is no such layer, or its output cannot be pooled in this way.
    RuntimeError
        If TensorFlow cannot compute here: see `check_runtime`.
    """
    check_runtime()
    return build_pooled_features(architecture, layer, pooling)


@lru_cache(maxsize=MAX_EXTRACTORS)
def build_pooled_features(
    architecture: BodyArchitecture, layer: str, pooling: str
) -> "PooledFeatures":
    """Build an extractor, or return the one that was built before."""
    return PooledFeatures(get_body(architecture), layer, pooling)


class PooledFeatures:
    """The function from images and weights to pooled features of a layer.

    Parameters
    ----------
    graph : Graph
        The body. All extractors of one architecture share it.
    layer : str
        Name of a layer, or "features" for the whole body.
    pooling : {"average", "max", "flatten"}
        How a feature map or a sequence of tokens becomes a vector. A vector stays as it is.

    Raises
    ------
    ValueError
        If there is no such layer, or its output cannot be pooled in this way.
    """

    def __init__(self, graph: Graph, layer: str, pooling: str):
        self.graph = graph
        features = graph.output_at(layer)
        with fresh_keras_state(graph.architecture.dtype):
            pooled = pool(features, pooling)
            if pooled is None:
                raise ValueError(
                    f"layer={layer!r} has an output of shape {features.shape} in backbone "
                    f"{graph.architecture.backbone.name!r}, which has no {pooling} over pixels or "
                    'tokens. Set pooling="flatten", or choose another layer.'
                )
            self._model = keras.Model(graph.body.inputs[0], pooled, name="extractor")

    @property
    def n_features(self) -> int:
        """Length of the vector."""
        return int(self._model.outputs[0].shape[1])

    @property
    def paths(self) -> list[str]:
        """Paths of the weights that the features depend on."""
        return [variable.path for variable in self._model.weights]

    @cached_property
    def _function(self):
        return FixedBatchFunction(self._model, self.graph.architecture)

    def features(self, weights: Weights, images) -> np.ndarray:
        """Return an array of shape (n, n_features) for images of shape (n, h, w, c)."""
        return run_batches([self._function], weights, images)
