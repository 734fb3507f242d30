"""The front part of a backbone, with its output pooled to a vector."""

from functools import cached_property, lru_cache

import numpy as np

from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import keras
from .._messages import unknown_name_message
from .architecture import BodyArchitecture
from .batch_function import FixedBatchFunction, run_batches
from .graph import Graph, Weights

MAX_BODIES = 4
MAX_EXTRACTORS = 16


@lru_cache(maxsize=MAX_BODIES)
def get_body(architecture: BodyArchitecture) -> Graph:
    """Return the process's body of this architecture; the least recently used is dropped."""
    return Graph(architecture)


@lru_cache(maxsize=MAX_EXTRACTORS)
def get_pooled_features(
    architecture: BodyArchitecture, layer: str, pooling: str
) -> "PooledFeatures":
    """Return the process's extractor of this kind; the least recently used is dropped."""
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
        How a feature map becomes a vector.

    Raises
    ------
    ValueError
        If there is no such layer.
    """

    def __init__(self, graph: Graph, layer: str, pooling: str):
        self.graph = graph
        features = self._output_of(layer)
        with fresh_keras_state(graph.architecture.dtype):
            if pooling == "flatten" or len(features.shape) != 4:
                pool = keras.layers.Flatten()
            elif pooling == "max":
                pool = keras.layers.GlobalMaxPooling2D()
            else:
                pool = keras.layers.GlobalAveragePooling2D()
            self._model = keras.Model(graph.body.inputs[0], pool(features), name="extractor")

    def _output_of(self, layer):
        body, stages = self.graph.body, self.graph.architecture.backbone.stages
        if layer == "features":
            return body.outputs[0]
        names = [each.name for each in body.layers]
        if layer not in names:
            raise ValueError(
                unknown_name_message("layer", layer, [*stages, "features"], also=names)
            )
        return body.get_layer(layer)._inbound_nodes[0].output_tensors[0]

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
