"""The layout of `.weights.h5` files, which Keras 3 writes.

Keras has no public function from a variable to its path in the file. A file is written to
memory in which each weight is filled with a different number, and the numbers are looked up in it.
"""

from io import BytesIO
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import h5py
import numpy as np

from .._messages import warnings_ignored
from .architecture import Weights
from .graph import Graph
from .weight_matching import (
    LayerPairs,
    WeightMismatch,
    group_by_layer,
    in_order,
    list_layers,
    parent_path,
    refuse_deeper_network,
)

KERAS_SUFFIX = ".weights.h5"
_writing = Lock()
# Weights are filled with numbers from here on, which the other arrays of a layer hardly have.
_FIRST_NUMBER = 1_000
_known_layouts: WeakKeyDictionary[Graph, dict[str, str]] = WeakKeyDictionary()


class _KerasFile(BytesIO):
    """A file in memory that Keras takes for one of weights, by its name."""

    def __str__(self):
        return KERAS_SUFFIX


def to_keras3(body, weights: Weights) -> bytes:
    """Return the file that Keras writes for weights, after setting the variables of the body.

    The HDF5 library ends the process if the disk is full, so it writes to memory.
    """
    file = _KerasFile()
    # Keras 3.15 lets NumPy 2.4 complain about its variables' __array__.
    with _writing, warnings_ignored(DeprecationWarning):
        for variable in body.weights:
            variable.assign(weights[variable.path])
        body.save_weights(file)
    return file.getvalue()


def pair_keras3(arrays: dict[str, Any], graph: Graph) -> LayerPairs:
    """Pair each weight with the array at its path in the file, below the prefix that fits best.

    A file of a whole classifier may have its body in a sub-group, or its head after the body.
    """
    # Keras reads files of its first versions in the same way.
    stored = group_by_layer(
        {
            path.replace("_layer_checkpoint_dependencies", "layers"): array
            for path, array in arrays.items()
        }
    )
    layout = find_layout(graph)
    layers = list_layers(graph.body)
    groups = [parent_path(layout[specs[0].path]) for specs in layers]

    def arrays_below(prefix):
        return [
            in_order(stored.get(prefix + group, {}), [prefix + layout[spec.path] for spec in specs])
            for specs, group in zip(layers, groups, strict=True)
        ]

    def count_fitting(prefix):
        pairs = zip(layers, arrays_below(prefix), strict=True)
        return sum(
            [spec.shape for spec in specs] == [getattr(array, "shape", None) for array in arrays]
            for specs, arrays in pairs
        )

    prefixes = {path[: path.index(groups[0])] for path in stored if path.endswith(groups[0])}
    best = sorted(prefixes or {""}, key=lambda prefix: (-count_fitting(prefix), prefix))
    if len(best) > 1 and count_fitting(best[0]) == count_fitting(best[1]) == len(layers):
        raise WeightMismatch(
            f"the file has such a body more than once, in {best[0]!r} and in {best[1]!r}"
        )
    prefix = best[0]
    yield from zip(layers, arrays_below(prefix), strict=True)
    groups_of_body = {prefix + group for group in groups}
    refuse_deeper_network(
        list(layer.values())
        for group, layer in stored.items()
        if group.startswith(f"{prefix}layers/") and group not in groups_of_body
    )


def find_layout(graph: Graph) -> dict[str, str]:
    """Return the path in a Keras 3 file of each weight of a body, by the variable's path."""
    if graph in _known_layouts:
        return _known_layouts[graph]
    body = graph.body
    numbered = {
        variable.path: np.full(variable.shape, number, "float32")
        for number, variable in enumerate(body.weights, _FIRST_NUMBER)
    }
    names = dict(enumerate(numbered, _FIRST_NUMBER))
    layout: dict[str, str] = {}

    def read_number(path, node):
        """Note the path if all numbers are one that was written; layers may store other arrays."""
        if not isinstance(node, h5py.Dataset) or not node.size or node.dtype.kind not in "fiu":
            return
        stored = np.asarray(node)
        name = names.get(stored.flat[0])
        if name is not None and np.array_equal(stored, numbered[name]):
            layout[name] = path

    with h5py.File(BytesIO(to_keras3(body, numbered))) as file:
        file.visititems(read_number)
    return _known_layouts.setdefault(graph, layout)
