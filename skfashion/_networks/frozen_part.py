"""What a freeze makes constant: features at a freeze point, found in a store or computed."""

from functools import cached_property
from itertools import accumulate

import numpy as np

from .._cache.fingerprint import environment_fingerprint
from .._cache.store import Store, digest, hash_rows
from .._data import chunks
from .._data.array_source import ArraySource
from .._data.chunks import bytes_of_row, chunk_rows
from .._keras.tensorflow import keras
from .graph import Weights, run_batches
from .network import Network

# How many operations are as quick as one byte. A convolution of one channel was measured to do 21
# thousand million a second, on two cores that gather 4 thousand million bytes of memory a second;
# of a file, 500 million are taken for granted.
_PER_BYTE_OF_MEMORY, _PER_BYTE_OF_FILE = 5, 40
# Layers that cost what their weights say. What others cost is not known.
_OF_KNOWN_COST = {
    keras.layers.InputLayer,
    keras.layers.Rescaling,
    keras.layers.Conv2D,
    keras.layers.Dense,
}


class FrozenPart:
    """The part of a network in front of a freeze point, with its weights.

    Parameters
    ----------
    network : Network
        The network.
    point : str or None
        Where it is cut; `None` for no frozen part.
    weights : dict of str to ndarray
        Weights of the network.
    store : Store or None
        Where features are shared, row by row.
    """

    def __init__(self, network: Network, point, weights: Weights, store: Store | None):
        self._network, self._point = network, point
        self._weights, self._store = weights, store
        self._pieces = network.stage_functions(point)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is frozen."""
        return not self._pieces

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of the features of one image."""
        return self._pieces[-1].output_shape

    @property
    def float_type(self) -> str:
        """Their type."""
        return self._pieces[-1].float_type

    @property
    def row_bytes(self) -> int:
        """Bytes that they take."""
        return int(np.prod(self.row_shape)) * np.dtype(self.float_type).itemsize

    @cached_property
    def _operations(self) -> float:
        """Additions and multiplications that the features of one image take, about."""
        return sum(
            2.0 * np.prod(weight.shape) * np.prod(_first(layer.output).shape[1:-1])
            for piece in self._pieces
            for layer in piece.model.layers
            for weight in layer.weights
            if len(weight.shape) > 1
        )

    @property
    def is_worth_keeping(self) -> bool:
        """Whether to read features from memory is quicker than to compute them, or may be."""
        layers = {type(layer) for piece in self._pieces for layer in piece.model.layers}
        return bool(layers - _OF_KNOWN_COST) or self._cost_more_than(_PER_BYTE_OF_MEMORY)

    @property
    def is_worth_a_file(self) -> bool:
        """Whether to read features from a file is quicker than to compute them."""
        return self._cost_more_than(_PER_BYTE_OF_FILE)

    def _cost_more_than(self, operations_per_byte) -> bool:
        return not self.is_empty and bool(self._operations > operations_per_byte * self.row_bytes)

    @property
    def _shared(self) -> Store | None:
        """Where features are shared, if that is worth it."""
        return self._store if self._store is not None and self.is_worth_a_file else None

    def features(self, images: ArraySource, out=None) -> np.ndarray:
        """Return the features of an array or `LazyImages`, in their order.

        `out` may be given to be written to.
        """
        features = out
        if features is None:
            features = np.empty((len(images), *self.row_shape), self.float_type)
        if (store := self._shared) is None:
            return run_batches(self._pieces, self._weights, images, features)
        return self._shared_features(store, images, features)

    def predict_proba(self, images: ArraySource) -> np.ndarray:
        """Return class probabilities of shape (n, n_classes), by way of the features."""
        finish = self._network.head_function(self._point)
        if self._shared is None:
            return run_batches([*self._pieces, finish], self._weights, images)
        probabilities = np.empty((len(images), *finish.output_shape), finish.float_type)
        for some in self.chunks(len(images), max(self.row_bytes, bytes_of_row(images))):
            features = self.features(images[some])
            probabilities[some] = run_batches([finish], self._weights, features)
        return probabilities

    def _shared_features(self, store, images, features):
        """Take each row from the deepest cut that has it, and compute on from there."""
        hashes = hash_rows(images)
        tables = [
            store.table(key, piece.output_shape, piece.float_type)
            for key, piece in zip(self._keys, self._pieces, strict=True)
        ]
        found = tables[-1].find(hashes)
        read = found.read(found.rows, features, found.rows)
        to_keep = missing = np.setdiff1d(np.arange(len(images)), found.rows[read])
        for depth, table in reversed([*enumerate(tables[:-1], start=1)]):
            missing = self._go_on_from(table, depth, hashes, missing, features)
        for some in self.chunks(len(missing), bytes_of_row(images)):
            rows = missing[some]
            run_batches(self._pieces, self._weights, images[rows], features, rows)
        tables[-1].add(hashes, features, to_keep)
        store.log_usage(rows_found=len(images) - len(to_keep), rows_computed=len(to_keep))
        return features

    def _go_on_from(self, table, depth, hashes, missing, features):
        """Compute features of missing rows from those at a shallower cut; return the rows left."""
        found = table.find(hashes[missing])
        done = np.zeros(len(missing), bool)
        for some in self.chunks(len(found.rows), table.row_bytes):
            rows = found.rows[some]
            inputs = np.empty((len(rows), *table.shape), table.dtype)
            read = found.read(rows, inputs, np.arange(len(rows)))
            places, pieces = missing[rows[read]], self._pieces[depth:]
            run_batches(pieces, self._weights, inputs[read], features, places)
            done[rows[read]] = True
        return missing[~done]

    def chunks(self, n_rows, row_bytes):
        """Return slices of rows, whole batches, that take a bounded memory."""
        batch_size = self._pieces[0].batch_size
        return chunk_rows(n_rows, row_bytes, chunks.CHUNK_BYTES, batch_size)

    @cached_property
    def _keys(self):
        """The key of what each piece gives, from the images on."""
        begin = digest(
            environment_fingerprint(), self._network.body_config, self._pieces[-1].batch_size
        )
        return [*accumulate(self._pieces, self._key_behind, initial=begin)][1:]

    def _key_behind(self, key, piece):
        """Return the key of what a piece makes of what has a key."""
        operations = [(op.name, op.get_config()) for op in piece.model.operations[1:]]
        return digest(key, operations, *(self._weights[path] for path in piece.paths))


def _first(outputs):
    return outputs[0] if isinstance(outputs, list | tuple) else outputs
