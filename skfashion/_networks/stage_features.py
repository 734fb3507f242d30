"""Inputs of a head after each stage of a body, computed in one pass."""

from functools import cached_property, lru_cache

import numpy as np

from .._keras.global_state import fresh_keras_state
from .._keras.runtime import check_runtime
from .._keras.tensorflow import keras
from .architecture import BodyArchitecture, Weights
from .batch_function import FixedBatchFunction, run_batches
from .body import get_body
from .graph import Graph, output_of, pool_for_head

MAX_STAGE_FEATURES = 4


def get_stage_features(architecture: BodyArchitecture) -> "StageFeatures":
    """Return the process's features of this body; the least recently used is dropped.

    Raises
    ------
    RuntimeError
        If TensorFlow cannot compute here: see `check_runtime`.
    """
    check_runtime()
    return build_stage_features(architecture)


@lru_cache(maxsize=MAX_STAGE_FEATURES)
def build_stage_features(architecture: BodyArchitecture) -> "StageFeatures":
    """Build the function, or return the one that was built before."""
    return StageFeatures(get_body(architecture))


class StageFeatures:
    """The function from images and weights to a vector for each stage.

    Parameters
    ----------
    graph : Graph
        The body.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        backbone = graph.architecture.backbone
        with fresh_keras_state(graph.architecture.dtype):
            vectors = [
                pool_for_head(output_of(graph.body, stage), backbone, prefix=f"{stage}-")
                for stage in backbone.stages
            ]
            side_by_side = vectors[0]
            if len(vectors) > 1:
                side_by_side = keras.layers.Concatenate(name="stages")(vectors)
            self._model = keras.Model(graph.body.inputs[0], side_by_side, name="stages")
        self._ends = np.cumsum([vector.shape[1] for vector in vectors])

    @cached_property
    def _function(self):
        return FixedBatchFunction(self._model, self.graph.architecture)

    def features(self, weights: Weights, images) -> dict[str, np.ndarray]:
        """Return an array of shape (n, n_features) for each stage."""
        side_by_side = run_batches([self._function], weights, images)
        stages = self.graph.architecture.backbone.stages
        return dict(zip(stages, np.split(side_by_side, self._ends[:-1], axis=1), strict=True))
