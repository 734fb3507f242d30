"""The tables of a store with outputs of a body's layers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from .._cache.hashing import digest
from .._cache.row_table import RowTable
from .._cache.store import Store
from .._data import chunks
from .._keras.tensorflow import keras
from .batch_function import run_batches
from .body import KEPT_POOLINGS, Body, Output
from .pooled_pass import PooledPass

_LAYERS_THAT_CHOOSE = (
    keras.layers.InputLayer,
    keras.layers.MaxPooling2D,
    keras.layers.Dropout,
    keras.layers.Flatten,
)
# Takes hashes of rows; yields indices of rows and vectors.
Reader = Callable[[np.ndarray], Iterator[tuple[np.ndarray, np.ndarray]]]


class OutputTable(NamedTuple):
    """A table of rows, and the outputs of layers that a row consists of."""

    rows: RowTable
    outputs: Sequence[Output]


class OutputTables:
    """The tables of a store with outputs of a body.

    One table has the pooled outputs of all stages. A pass from a stored feature map has a table of
    the stages after it. A layer that is not a stage has a table of its pooled outputs. A feature
    map has a separate table, which is that of `FrozenPart` if networks are cut there.

    Parameters
    ----------
    body : Body
        The body.
    hashes : dict of str to str
        A hash of each weight of the body, by path.
    store : Store
        The store.
    """

    def __init__(self, body: Body, hashes: Mapping[str, str], store: Store):
        self._body, self._hashes, self._store = body, hashes, store
        self._keys = {body.images: body.key_of_images}

    # -- Tables ----------------------------------------------------------------------------

    def of_stages(self, begin) -> OutputTable:
        """Return the table of the pooled outputs of all stages after the images or a cut."""
        body = self._body
        outputs = [each for each in body.stage_outputs if begin in body.path_to(each.tensor)]
        described = [(self._key_of(each.tensor), each.pooling) for each in outputs]
        return self._vectors(digest("pooled", self._key_of(begin), described), outputs)

    def of_layer(self, output: Output) -> OutputTable:
        """Return the table of a layer's feature map, or of its pooled outputs."""
        key, tensor = self._key_of(output.tensor), output.tensor
        if output.pooling == "flatten":
            return OutputTable(self._table(key, output.shape), [output])
        outputs = [Output(tensor, pooling) for pooling in KEPT_POOLINGS]
        return self._vectors(digest("pooled", key), outputs)

    def _vectors(self, key, outputs):
        widths = [output.width for output in outputs]
        return OutputTable(self._table(key, (sum(widths),), widths), outputs)

    def _table(self, key, shape, widths=None):
        return RowTable(self._store, key, shape, self._body.architecture.float_type, widths)

    def _key_of(self, tensor):
        """Return the key of a tensor, chained along its path."""
        if tensor not in self._keys:
            before = self._body.path_to(tensor)[-2]
            self._keys[tensor] = self._key_after(before, tensor)
        return self._keys[tensor]

    def _key_after(self, before, tensor):
        model = self._body.model_between(before, tensor)
        return self._body.chain_key(self._key_of(before), model, self._hashes)

    # -- Reading ---------------------------------------------------------------------------

    def readers(self, output: Output) -> Iterator[Reader]:
        """Yield functions that read an output of rows, from one table after the other.

        A reader takes hashes of rows, and yields indices of those that the table has and their
        vectors, block by block.
        """
        body, tensor = self._body, output.tensor
        if output in body.stage_outputs:
            for begin in body.path_to(tensor):
                if begin is body.images or begin in body.cuts:
                    rows, outputs = self.of_stages(begin)
                    yield partial(rows.read, part=outputs.index(output))
        elif output.pooling != "flatten":
            rows, outputs = self.of_layer(output)
            yield partial(rows.read, part=outputs.index(output))
        yield partial(self._read_maps, output, self.of_layer(Output(tensor, "flatten")).rows)
        if tensor is body.end:
            yield from self._readers_of_head_input(output)

    def _read_maps(self, output, rows, hashes):
        """Read an output from a table of feature maps, flattened or not."""
        pooling = PooledPass(self._body, output.tensor, [output])
        # Pooling takes whole batches. To flatten takes nothing.
        block_bytes = None if output.pooling == "flatten" else chunks.CHUNK_BYTES
        for found, maps in rows.read(hashes, block_bytes, pooling.batch_size):
            maps = maps.reshape(len(found), *output.shape)
            if output.pooling == "flatten":
                yield found, maps.reshape(len(found), output.width)
            else:
                yield found, run_batches([pooling], {}, maps)

    def _readers_of_head_input(self, output):
        """Yield a reader of the features of networks that are frozen up to the whole body."""
        body, head_input = self._body, self._body.head_input
        head_pooling, before = body.architecture.backbone.pooling, [body.images, *body.cuts][-1]
        if head_input is body.end or head_pooling not in (output.pooling, "flatten"):
            return
        # A network computes the body's output by one function from its last cut. Two functions with
        # the last stage between them are bit-identical only if nothing is rounded after the stage.
        last = body.path_to(body.end)[-2]
        if last is not before and not _rounds_nothing(body.model_between(last, body.end)):
            return
        rows = self._table(self._key_after(before, head_input), head_input.shape[1:])
        yield (
            rows.read if head_pooling == output.pooling else partial(self._read_maps, output, rows)
        )


def _rounds_nothing(model):
    """Whether a model only chooses among the numbers of its input."""
    return all(isinstance(layer, _LAYERS_THAT_CHOOSE) for layer in model.layers)
