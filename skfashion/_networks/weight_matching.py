"""Pairs of a body's weights and a file's arrays, layer by layer, and the check that they fit.

Each file format has a function that takes the file's content and a graph. It yields a pair for each
layer: the weights of the body's layer, and its arrays in the file.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from .architecture import Weights
from .graph import Graph


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


# Weights of networks that were trained are far below; a network with larger ones overflows.
_MAX_WEIGHT = 1e9


class WeightMismatch(Exception):
    """The body and the file have different weights."""


class InvalidWeight(Exception):
    """A weight in the file is none that a network can have."""


def match_layers(pair_layers: PairLayers, graph: Graph) -> Weights:
    """Return the weights of a graph's body by path, in the body's types.

    Raises
    ------
    WeightMismatch
        If a layer has other weights in the file than in the body.
    InvalidWeight
        If a weight is not a finite floating-point number, or too large.
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
            weights[spec.path] = _read_weight(array, np.dtype(types[spec.path]), spec)
    return weights


def _read_weight(array, dtype, spec: WeightSpec) -> np.ndarray:
    stored = np.asarray(array)
    if dtype.kind == "f" and stored.dtype.kind != "f":
        raise _invalid(spec, f"numbers of the type {stored.dtype}, not floating-point numbers")
    with np.errstate(over="ignore"):
        weight = np.array(stored, dtype)
    # NaN is not below the limit, either.
    if dtype.kind == "f" and not (is_valid := np.abs(weight) <= _MAX_WEIGHT).all():
        position = tuple(np.argwhere(~is_valid)[0].tolist())
        raise _invalid(
            spec,
            f"{stored[position]:g} at {position}, but weights are finite and between "
            f"-{_MAX_WEIGHT:g} and {_MAX_WEIGHT:g}",
        )
    return weight


def _invalid(spec: WeightSpec, found: str) -> InvalidWeight:
    return InvalidWeight(f"the {_name_of(spec)} of layer {spec.layer!r} holds {found}")


def _name_of(spec: WeightSpec) -> str:
    return spec.path.rsplit("/", 1)[-1]


def _mismatch(spec: WeightSpec, found: str) -> WeightMismatch:
    return WeightMismatch(
        f"layer {spec.layer!r} is the first that differs. Its {_name_of(spec)} has the shape "
        f"{spec.shape}, the file has {found}"
    )


def list_layers(body) -> list[list[WeightSpec]]:
    """Return the weights of each layer with weights, in order; nested layers count as layers."""
    by_layer: dict[str, list[WeightSpec]] = {}
    for layer in body.layers:
        for variable in (*layer.trainable_weights, *layer.non_trainable_weights):
            spec = WeightSpec(variable.path, layer.name, tuple(variable.shape))
            by_layer.setdefault(parent_path(variable.path), []).append(spec)
    return list(by_layer.values())


def group_by_layer(arrays: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return arrays by path, grouped by the part of the path before the last slash."""
    layers: dict[str, dict[str, Any]] = {}
    for path, array in arrays.items():
        layers.setdefault(parent_path(path), {})[path] = array
    return layers


def in_order(layer: dict[str, Any], names: list[str]) -> LayerArrays:
    """Return the arrays with these names, `None` for a missing one, and then all others."""
    others = [array for name, array in layer.items() if name not in names]
    return [layer.get(name) for name in names] + others


def pair_by_path(arrays: dict[str, Any], graph: Graph) -> LayerPairs:
    """Pair arrays that are stored under the paths of variables, as in safetensors files."""
    stored = group_by_layer(arrays)
    for specs in list_layers(graph.body):
        layer = stored.pop(parent_path(specs[0].path), {})
        yield specs, in_order(layer, [spec.path for spec in specs])
    refuse_deeper_network(list(layer.values()) for layer in stored.values())


def refuse_deeper_network(layers: Iterable[LayerArrays]) -> None:
    """Reject a file of a deeper network: layers beyond the body may only belong to a head."""
    for arrays in layers:
        # Kernels of attention have three axes, as those of convolutions over tokens.
        if any(len(array.shape) >= 3 for array in arrays):
            raise WeightMismatch(
                "the file has all of its layers, and further convolutions or attention after them"
            )


def parent_path(path: str) -> str:
    """Return the part of a path before the last slash, which is empty without one."""
    return path.rpartition("/")[0]
