"""Pairs of a body's weights and a file's arrays, layer by layer, and the check that they fit.

Each format of files has a function that takes what the file holds and a graph, and yields a pair
for each layer: the weights that the body's layer has, and the arrays that the file has for it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import h5py
import numpy as np

from .graph import Graph, Weights


@dataclass(frozen=True)
class WeightSpec:
    """A weight of the body: its path, the name of its layer, and its shape."""

    path: str
    layer: str
    shape: tuple[int, ...]


# The arrays of one layer in a file, in order; `None` for one that is missing.
LayerArrays = list[Any]
LayerPairs = Iterator[tuple[list[WeightSpec], LayerArrays]]
PairLayers = Callable[[Graph], LayerPairs]


class WeightMismatch(Exception):
    """The body and the file have different weights."""


def match_layers(pair_layers: PairLayers, graph: Graph) -> Weights:
    """Return the weights of a graph's body by path, in the body's types.

    Raises
    ------
    WeightMismatch
        If a layer has other weights in the file than in the body.
    """
    weights = {}
    types = {variable.path: variable.dtype for variable in graph.body.weights}
    for specs, arrays in pair_layers(graph):
        for spec, array in zip_longest(specs, arrays):
            if spec is None:
                raise _mismatch(specs[-1], f"a further weight of shape {tuple(array.shape)}")
            if array is None:
                raise _mismatch(spec, "none")
            if tuple(array.shape) != spec.shape:
                raise _mismatch(spec, f"one of shape {tuple(array.shape)}")
            weights[spec.path] = np.array(array, types[spec.path])
    return weights


def _mismatch(spec: WeightSpec, found: str) -> WeightMismatch:
    weight = spec.path.rsplit("/", 1)[-1]
    return WeightMismatch(
        f"layer {spec.layer!r} is the first that differs, whose {weight} has the shape "
        f"{spec.shape}; in the file there is {found}."
    )


def list_layers(body) -> list[list[WeightSpec]]:
    """Return the weights of each layer with weights, in order; nested layers count as layers."""
    by_layer: dict[str, list[WeightSpec]] = {}
    for layer in body.layers:
        for variable in (*layer.trainable_weights, *layer.non_trainable_weights):
            spec = WeightSpec(variable.path, layer.name, tuple(variable.shape))
            by_layer.setdefault(_parent(variable.path), []).append(spec)
    return list(by_layer.values())


def group_by_layer(arrays: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return arrays by path, grouped by the part of the path before the last slash."""
    layers: dict[str, dict[str, Any]] = {}
    for path, array in arrays.items():
        layers.setdefault(_parent(path), {})[path] = array
    return layers


def in_order(layer: dict[str, Any], names: list[str]) -> LayerArrays:
    """Return the arrays with these names, `None` for a missing one, and then all others."""
    others = [array for name, array in layer.items() if name not in names]
    return [layer.get(name) for name in names] + others


def pair_by_path(arrays: dict[str, Any], graph: Graph) -> LayerPairs:
    """Pair arrays that are stored under the paths of variables, as in safetensors files."""
    stored = group_by_layer(arrays)
    for specs in list_layers(graph.body):
        layer = stored.pop(_parent(specs[0].path), {})
        yield specs, in_order(layer, [spec.path for spec in specs])
    refuse_convolutions(list(layer.values()) for layer in stored.values())


def refuse_convolutions(layers: Iterable[LayerArrays]) -> None:
    """Refuse a file of a deeper network: layers beyond the body's may be a head's only."""
    for arrays in layers:
        if any(len(array.shape) == 4 for array in arrays):
            raise WeightMismatch(
                "all of its layers are in the file, but the file has further convolutions after "
                "them: it is of another network."
            )


def read_datasets(group) -> dict[str, h5py.Dataset]:
    """Return the arrays that an HDF5 group holds, by path.

    Links are not followed, and an array that is stored in another file is refused: the result must
    not depend on other files of this machine.
    """
    arrays = {}

    def collect(path, node):
        if isinstance(node, h5py.Dataset):
            if node.external or node.is_virtual:
                raise OSError(f"{path} is not in the file itself, but in another one")
            arrays[path] = node

    group.visititems(collect)
    return arrays


def _parent(path):
    return path.rpartition("/")[0]
