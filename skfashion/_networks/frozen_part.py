"""The frozen part of a network, and its features: found in a store, or computed."""

from collections.abc import Iterable
from functools import cached_property
from itertools import accumulate

import numpy as np

from .._cache.image_hashes import hash_images
from .._cache.row_leases import compute_once
from .._cache.row_table import RowTable
from .._cache.store import Store
from .._data import chunks
from .._data.array_source import ArraySource
from .._data.chunks import bytes_of_row, chunk_rows, count_bytes
from .._data.lazy_images import LazyImages
from .._keras.tensorflow import keras
from .architecture import Weights, hash_weights
from .batch_function import FixedBatchFunction, run_batches
from .network import Network

# Number of operations in the time of reading one byte. On two cores, a convolution of one channel
# did 21 thousand million operations a second, and memory was gathered at 4 thousand million bytes a
# second. A disk is assumed to read 500 million bytes a second.
_OPERATIONS_PER_BYTE_OF_MEMORY, OPERATIONS_PER_BYTE_OF_FILE = 5, 40
# The shapes of these layers' weights give their cost. The cost of other layers is unknown.
_LAYERS_OF_KNOWN_COST = {
    keras.layers.InputLayer,
    keras.layers.Rescaling,
    keras.layers.Conv2D,
    keras.layers.Dense,
}


def count_operations(models: Iterable) -> float:
    """Return about how many additions and multiplications Keras models take for an image."""
    return sum(
        2.0 * float(np.prod(weight.shape)) * _count_positions(node.output_tensors[0])
        for model in models
        for nodes in model._nodes_by_depth.values()
        for node in nodes
        for weight in getattr(node.operation, "weights", ())
        if len(weight.shape) > 1
    )


def _count_positions(tensor) -> float:
    """Return at how many positions a kernel is applied; infinite if the shape is unknown."""
    sides = tensor.shape[1:-1]
    return np.inf if None in sides else float(np.prod(sides))


class FrozenPart:
    """The part of a network before a freeze point, with its weights.

    Parameters
    ----------
    network : Network
        The network.
    freeze_point : str or None
        The last frozen point; `None` for no frozen part.
    weights : dict of str to ndarray
        Weights of the network.
    store : Store or None
        Where features are shared, row by row.
    """

    def __init__(self, network: Network, freeze_point, weights: Weights, store: Store | None):
        self._network, self._freeze_point = network, freeze_point
        self._weights, self._store = weights, store
        self._stages = network.stage_functions(freeze_point)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is frozen."""
        return not self._stages

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of the features of one image."""
        return self._stages[-1].output_shape

    @property
    def float_type(self) -> str:
        """Type of the features."""
        return self._stages[-1].float_type

    @property
    def row_bytes(self) -> int:
        """Bytes that the features of one image take."""
        return count_bytes(self.row_shape, self.float_type)

    # -- Cost ------------------------------------------------------------------------------

    @property
    def is_worth_keeping(self) -> bool:
        """Whether features are read from memory faster than they are computed, or may be."""
        layers = {type(layer) for stage in self._stages for layer in stage.model.layers}
        has_unknown_cost = bool(layers - _LAYERS_OF_KNOWN_COST)
        return has_unknown_cost or self._operations_per_byte > _OPERATIONS_PER_BYTE_OF_MEMORY

    @property
    def is_worth_a_file(self) -> bool:
        """Whether features are read from a file faster than they are computed."""
        return self._operations_per_byte > OPERATIONS_PER_BYTE_OF_FILE

    @cached_property
    def _operations_per_byte(self) -> float:
        """About how many additions and multiplications a byte of features takes."""
        models = [stage.model for stage in self._stages]
        return 0.0 if self.is_empty else count_operations(models) / self.row_bytes

    # -- Features --------------------------------------------------------------------------

    def features(
        self,
        images: ArraySource,
        out: np.ndarray | None = None,
        hashes: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the features of images, in their order.

        Parameters
        ----------
        images : array-like of shape (n, h, w, c)
            The images.
        out : ndarray, default=None
            An array to write to.
        hashes : ndarray of shape (n, 2), default=None
            Hashes of the images, by default those of `hash_images`.
        """
        if out is None:
            out = np.empty((len(images), *self.row_shape), self.float_type)
        if (store := self._shared_store) is None:
            return run_batches(self._stages, self._weights, images, out)
        hashes = hash_images(images, store) if hashes is None else hashes
        return self._find_or_compute(store, images, hashes, out)

    def predict_proba(self, images: ArraySource) -> np.ndarray:
        """Return class probabilities of shape (n, n_classes), by way of the features."""
        return self._apply(self._network.head_function(self._freeze_point), images)

    def head_inputs(self, images: ArraySource) -> np.ndarray:
        """Return the inputs of the output layer, of shape (n, n_inputs), in inference mode."""
        return self._apply(self._network.head_input_function(self._freeze_point), images)

    def _apply(self, function: FixedBatchFunction, images: ArraySource) -> np.ndarray:
        """Return the output of a function of the features."""
        if (store := self._shared_store) is None:
            return run_batches([*self._stages, function], self._weights, images)
        hashes = hash_images(images, store)
        parts = [*self.chunks(len(images), max(self.row_bytes, bytes_of_row(images)))]
        n_missing = 0
        if len(parts) > 1:  # of large images, with few rows each
            n_missing = int(np.count_nonzero(~self._tables(store)[-1].has(hashes)))
        outputs = np.empty((len(images), *function.output_shape), function.float_type)
        for chunk in parts:
            part, of_part = _part_of(images, chunk), hashes[chunk]
            features = np.empty((len(part), *self.row_shape), self.float_type)
            self._find_or_compute(store, part, of_part, features, n_missing)
            outputs[chunk] = run_batches([function], self._weights, features)
        return outputs

    def chunks(self, n_rows, row_bytes):
        """Return slices of rows, whole batches, that take a bounded memory."""
        return chunk_rows(n_rows, row_bytes, chunks.CHUNK_BYTES, self.batch_size)

    @property
    def batch_size(self) -> int:
        """Images in a batch: smaller batches are padded and computed in full."""
        return self._stages[0].batch_size

    @property
    def _shared_store(self) -> Store | None:
        """Store of shared features, if reading them from a file pays."""
        return self._store if self._store is not None and self.is_worth_a_file else None

    def _find_or_compute(self, store, images, hashes, features, n_missing=0):
        """Take each row from the deepest stage that the store has, and compute on from there.

        The images may be a part of a request that misses `n_missing` images or more.
        """
        tables = self._tables(store)

        def find(rows):
            return self._resume_from(len(tables), tables[-1], hashes, rows, features)

        def compute(rows, adds):
            missing = rows
            for n_done in range(len(tables) - 1, 0, -1):
                missing = self._resume_from(n_done, tables[n_done - 1], hashes, missing, features)
            for chunk in self.chunks(len(missing), bytes_of_row(images)):
                part = missing[chunk]
                run_batches(self._stages, self._weights, images[part], features, part)
            if adds:
                tables[-1].add(hashes, features, rows)

        missing = find(np.arange(len(images)))
        n_computed = compute_once(
            tables[-1],
            hashes,
            missing,
            find,
            compute,
            n_missing=max(n_missing, len(missing)),
            batch_size=self.batch_size,
            row_bytes=bytes_of_row(images),
        )
        store.log_usage(rows_found=len(images) - n_computed, rows_computed=n_computed)
        return features

    def _resume_from(self, n_done, table, hashes, missing, features):
        """Compute the rows that the table after `n_done` stages has; return those it lacks."""
        remaining_stages = self._stages[n_done:]

        def take(rows, outputs):
            if remaining_stages:
                run_batches(remaining_stages, self._weights, outputs, features, rows)
            else:
                features[rows] = outputs

        block_bytes = chunks.CHUNK_BYTES if remaining_stages else None
        return table.find(hashes, missing, take, block_bytes, self.batch_size)

    def _tables(self, store):
        """Return the store's table of the output of each stage."""
        return [
            RowTable(store, key, stage.output_shape, stage.float_type)
            for key, stage in zip(self._keys, self._stages, strict=True)
        ]

    @cached_property
    def _keys(self):
        """The store's key for the output of each stage, chained from the images on."""
        network, models = self._network, [stage.model for stage in self._stages]
        paths = {path for stage in self._stages for path in stage.paths}
        hashes = hash_weights({path: self._weights[path] for path in paths})
        keys = accumulate(
            models,
            lambda key, model: network.chain_key(key, model, hashes),
            initial=network.key_of_images,
        )
        return [*keys][1:]


def _part_of(images: ArraySource, rows: slice) -> ArraySource:
    """Return a slice of images; those that are decoded when they are read are not read yet."""
    if isinstance(images, LazyImages):
        return images.take(np.arange(len(images))[rows])
    return images[rows]
