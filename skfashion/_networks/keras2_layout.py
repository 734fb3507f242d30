"""The layout of HDF5 files that Keras 2 wrote: the official releases, and `.h5` models."""

import re
from itertools import zip_longest
from typing import Any

from .graph import Graph
from .weight_matching import LayerArrays, LayerPairs, list_layers, refuse_deeper_network

# EfficientNet's constants of normalisation. Here they are part of the preprocessing.
_NORMALIZATION = re.compile(r"normalization(_\d+)?")


def pair_keras2(
    arrays: dict[str, Any], layers_in_file: list[tuple[str, list[str]]], graph: Graph
) -> LayerPairs:
    """Pair layers by their order, as Keras does. Further layers in the file are its head."""
    stored: dict[str, LayerArrays] = {}
    for layer, names in layers_in_file:
        if _NORMALIZATION.fullmatch(layer):
            continue
        for weight in names:
            # A model in the place of a layer has all its weights in one group.
            inner = weight.rpartition("/")[0]
            stored.setdefault(f"{layer} {inner}", []).append(arrays.get(f"{layer}/{weight}"))
    layers = list(stored.values())
    specs = list_layers(graph.body)
    yield from zip_longest(specs, layers[: len(specs)], fillvalue=[])
    refuse_deeper_network(layers[len(specs) :])
