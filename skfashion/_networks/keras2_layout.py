"""The layout of HDF5 files that Keras 2 wrote: the official releases, and `.h5` models."""

import re
from itertools import zip_longest

from .graph import Graph
from .weight_matching import (
    LayerArrays,
    LayerPairs,
    list_layers,
    read_datasets,
    refuse_convolutions,
)

# EfficientNet's constants of normalisation. Here they are part of the preprocessing.
_NORMALIZATION = re.compile(r"normalization(_\d+)?")


def find_keras2_group(file):
    """Return the group of an HDF5 file that has Keras 2's layout, or `None`."""
    group = file.get("model_weights", file)
    return group if "layer_names" in group.attrs else None


def pair_keras2(group, graph: Graph) -> LayerPairs:
    """Pair layers by their order, as Keras does. Further layers in the file are its head."""
    arrays = read_datasets(group)
    stored: dict[str, LayerArrays] = {}
    for layer in _read_names(group, "layer_names"):
        if _NORMALIZATION.fullmatch(layer):
            continue
        for weight in _read_names(group[layer], "weight_names"):
            # A model in the place of a layer has all its weights in one group.
            inner = weight.rpartition("/")[0]
            stored.setdefault(f"{layer} {inner}", []).append(arrays.get(f"{layer}/{weight}"))
    layers = list(stored.values())
    specs = list_layers(graph.body)
    yield from zip_longest(specs, layers[: len(specs)], fillvalue=[])
    refuse_convolutions(layers[len(specs) :])


def _read_names(group, attribute) -> list[str]:
    return [n.decode() if isinstance(n, bytes) else str(n) for n in group.attrs[attribute]]
