"""Outputs of layers of a body, pooled to vectors, side by side."""

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np

from .._cache.store import Store
from .._data.chunks import count_bytes
from .._keras.runtime import check_runtime
from .architecture import BodyArchitecture, Weights
from .batch_function import run_batches
from .body import Body, Output, get_body
from .frozen_part import OPERATIONS_PER_BYTE_OF_FILE, count_operations
from .pooled_pass import PooledPass
from .shared_features import find_or_compute

MAX_EXTRACTORS = 16


def get_pooled_features(
    architecture: BodyArchitecture, layer: str | Sequence[str], pooling: str
) -> "PooledFeatures":
    """Return the process's extractor of this kind; the least recently used is dropped.

    Raises
    ------
    ValueError
        If there is no such layer, its output cannot be pooled in this way, or two layers are one.
    RuntimeError
        If TensorFlow cannot compute here: see `check_runtime`.
    """
    check_runtime()
    layers = (layer,) if isinstance(layer, str) else tuple(layer)
    return build_pooled_features(architecture, layers, pooling)


@lru_cache(maxsize=MAX_EXTRACTORS)
def build_pooled_features(
    architecture: BodyArchitecture, layers: tuple[str, ...], pooling: str
) -> "PooledFeatures":
    """Build an extractor, or return the one that was built before."""
    return PooledFeatures(get_body(architecture), layers, pooling)


class PooledFeatures:
    """The function from images and weights to pooled features of layers.

    Parameters
    ----------
    body : Body
        The body. All extractors of one architecture share it.
    layers : sequence of str
        Names of layers, or "features" for the whole body.
    pooling : {"average", "max", "flatten"}
        Conversion of a feature map or a sequence of tokens to a vector. Vectors are not changed.

    Raises
    ------
    ValueError
        If there is no such layer, its output cannot be pooled in this way, or two layers are one.
    """

    def __init__(self, body: Body, layers: Sequence[str], pooling: str):
        self.body = body
        backbone, names = body.architecture.backbone.name, dict[Output, str]()
        for layer in layers:
            tensor = body.output_at(layer)
            output = body.output(tensor, pooling)
            if output is None:
                raise ValueError(
                    f"layer={layer!r} has an output of shape {tensor.shape} in backbone "
                    f"{backbone!r}, which has no {pooling} over pixels or "
                    'tokens. Set pooling="flatten", or choose another layer.'
                )
            if output in names:
                raise ValueError(
                    f"layer={[*layers]!r} has {names[output]!r} and {layer!r}, which are one "
                    f"output of backbone {backbone!r}. Remove one of them."
                )
            names[output] = layer
        self._outputs = [*names]

    @property
    def n_features(self) -> int:
        """Length of the vector."""
        return sum(self.widths)

    @property
    def widths(self) -> list[int]:
        """Length of the vector of each layer."""
        return [output.width for output in self._outputs]

    @cached_property
    def paths(self) -> list[str]:
        """Paths of the weights that the features depend on."""
        return [*dict.fromkeys(weight.path for model in self._models for weight in model.weights)]

    @cached_property
    def _models(self):
        """The models on the paths to all layers."""
        paths = [self.body.path_to(output.tensor) for output in self._outputs]
        models = (self.body.model_between(*pair) for path in paths for pair in pairwise(path))
        return [*dict.fromkeys(models)]

    @cached_property
    def _pass(self):
        return PooledPass(self.body, self.body.images, self._outputs)

    @cached_property
    def is_worth_a_file(self) -> bool:
        """Whether features are read from a file faster than they are computed."""
        row_bytes = count_bytes((self.n_features,), self.body.architecture.float_type)
        return count_operations(self._models) / row_bytes > OPERATIONS_PER_BYTE_OF_FILE

    def features(self, weights: Weights, images) -> np.ndarray:
        """Return an array of shape (n, n_features) for images of shape (n, h, w, c)."""
        return run_batches([self._pass], weights, images)

    def shared_features(
        self, weights: Weights, hashes: Mapping[str, str], images, store: Store
    ) -> np.ndarray:
        """Return the same as `features`; share it through a store, if reading is faster.

        Parameters
        ----------
        weights : dict of str to ndarray
            All weights of the body, by path.
        hashes : dict of str to str
            A hash of each weight, by path.
        images : LazyImages of shape (n, h, w, c)
            Images.
        store : Store
            The store.
        """
        if not self.is_worth_a_file:
            return self.features(weights, images)
        return find_or_compute(self.body, self._outputs, weights, hashes, images, store)
