"""The layout of HDF5 files that Keras 2 wrote: the official releases, and `.h5` models."""

import re
from itertools import chain, zip_longest
from typing import Any

from .graph import Graph
from .weight_matching import (
    LayerArrays,
    LayerPairs,
    list_layers,
    parent_path,
    refuse_deeper_network,
)

# EfficientNet's constants of normalisation. Here they are part of the preprocessing.
_NORMALIZATION = re.compile(r"normalization(_\d+)?")


def pair_keras2(
    arrays: dict[str, Any], layers_in_file: list[tuple[str, list[str]]], graph: Graph
) -> LayerPairs:
    """Pair layers by their order, as Keras does. Further layers in the file are its head."""
    specs = list_layers(graph.body)
    places = {parent_path(layer[0].path): place for place, layer in enumerate(specs)}
    groups = (_read_group(arrays, layer, names, places) for layer, names in layers_in_file)
    layers = [*chain.from_iterable(groups)]
    yield from zip_longest(specs, layers[: len(specs)], fillvalue=[])
    refuse_deeper_network(layers[len(specs) :])


def _read_group(arrays, group, names, places) -> list[LayerArrays]:
    """Return the arrays of each layer in a group, which has one layer, or all of a nested model."""
    layers: dict[str, LayerArrays] = {}
    for name in names:
        layer = parent_path(name) or group
        is_constant = any(map(_NORMALIZATION.fullmatch, (group, layer.rpartition("/")[2])))
        if not is_constant or _find_place(layer, places) is not None:
            layers.setdefault(layer, []).append(arrays.get(f"{group}/{name}"))
    return [layers[layer] for layer in _order_layers([*layers], places)]


def _order_layers(layers: list[str], places: dict[str, int]) -> list[str]:
    """Return the layers of a group as the body orders them, if they have its names.

    Keras writes the frozen layers of a nested model after the others.
    """
    found = {layer: _find_place(layer, places) for layer in layers}
    known = [place for place in found.values() if place is not None]
    is_one_each = len(set(known)) == len(known)
    if is_one_each and len(known) in (len(layers), len(places)):
        return sorted(layers, key=lambda layer: (found[layer] is None, found[layer] or 0))
    return layers


def _find_place(layer: str, places: dict[str, int]) -> int | None:
    """Return the place of the body's layer of this name, which nested models may precede."""
    parts = layer.split("/")
    names = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((places[name] for name in names if name in places), None)
