"""Files of body weights: read into arrays that fit a body, and written.

Nothing here runs code from a file: HDF5 and safetensors hold arrays, and of a `.keras` archive only
the weights are read, never the configuration.
"""

import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import h5py
import numpy as np

from .._backbones.spec import check_weights
from .graph import Graph, Weights
from .official_weights import fetch_official

KERAS_SUFFIX = ".weights.h5"
SAFETENSORS_SUFFIX = ".safetensors"
_WEIGHTS_IN_ARCHIVE = "model.weights.h5"
_writing = Lock()


@dataclass(frozen=True)
class _WeightSpec:
    """Where a weight of the body belongs: its path, its layer's name, and its shape."""

    path: str
    layer: str
    shape: tuple[int, ...]


def load_body_weights(weights, graph: Graph) -> Weights:
    """Return a body's weights from a file.

    Parameters
    ----------
    weights : str or path-like
        "imagenet" for the official release, fetched if need be; or the path of a Keras
        `.weights.h5` file, an `.h5` file as of the official releases, a `.keras` archive or a
        `.safetensors` file.
    graph : Graph
        Whose body is asked for.

    Returns
    -------
    dict of str to ndarray
        All weights of the body, by path.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or no official release at hand.
    ValueError
        If the file is none of these, or does not fit.
    """
    backbone = graph.architecture.backbone
    check_weights(weights, backbone)
    path = fetch_official(backbone) if weights == "imagenet" else Path(weights).expanduser()
    try:
        with _open_weights(path) as find:
            return _match_layers(find, graph)
    except WeightMismatch as misfit:
        raise ValueError(
            f"weights={str(path)!r} does not fit the body of backbone {backbone.name!r} on images "
            f"of shape {graph.architecture.image_shape}: {misfit}"
        ) from None
    except ModuleNotFoundError:
        raise
    except Exception as error:  # each format has its own kinds of failure
        raise ValueError(f"weights={str(path)!r} cannot be read: {error}") from error


def save_body_weights(weights: Weights, graph: Graph, path) -> None:
    """Write a body's weights as a Keras `.weights.h5` or a `.safetensors` file.

    An interrupted write leaves the old file, or none.
    """
    path = Path(path).expanduser()
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"path={str(path)!r}: there is no folder {str(path.parent)!r}. Make it first."
        )
    if not path.name.endswith((KERAS_SUFFIX, SAFETENSORS_SUFFIX)):
        raise ValueError(
            f"path={str(path)!r} must end in {KERAS_SUFFIX!r} or {SAFETENSORS_SUFFIX!r}."
        )
    own = {variable.path: weights[variable.path] for variable in graph.body.weights}
    with TemporaryDirectory(dir=path.parent, prefix=".skfashion-") as folder:
        written = Path(folder, path.name)
        if path.name.endswith(SAFETENSORS_SUFFIX):
            _safetensors().numpy.save_file(own, written)
        else:
            _write_as_keras_does(graph.body, own, written)
        written.replace(path)


def _write_as_keras_does(body, weights, path):
    with _writing, warnings.catch_warnings():
        # Keras 3.15 lets NumPy 2.4 complain about its variables' __array__.
        warnings.simplefilter("ignore", DeprecationWarning)
        for variable in body.weights:
            variable.assign(weights[variable.path])
        body.save_weights(path)


# -- What a file holds -------------------------------------------------------------------------


class WeightMismatch(Exception):
    """What the body has and what the file has differ."""


def _differs(slot: _WeightSpec, found) -> WeightMismatch:
    weight = slot.path.rsplit("/", 1)[-1]
    return WeightMismatch(
        f"layer {slot.layer!r} is the first that differs, whose {weight} has the shape "
        f"{slot.shape}; in the file there is {found}."
    )


# The arrays of one layer, in order.
_Layer = list[Any]
_Find = Callable[[Graph], Iterator[tuple[list[_WeightSpec], _Layer]]]


@contextmanager
def _open_weights(path: Path) -> Iterator[_Find]:
    """Open a file; yield what pairs the layers of a body with the file's."""
    if path.suffix == SAFETENSORS_SUFFIX:
        yield partial(_from_safetensors, _safetensors().numpy.load_file(path))
        return
    content: Any = path
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            content = BytesIO(archive.read(_WEIGHTS_IN_ARCHIVE))
    with h5py.File(content) as file:
        group = file.get("model_weights", file)
        if "layer_names" in group.attrs:
            yield partial(_from_keras_2, group)
        else:
            yield partial(_from_keras_3, file)


def _match_layers(find: _Find, graph: Graph) -> Weights:
    found = {}
    types = {variable.path: variable.dtype for variable in graph.body.weights}
    for slots, arrays in find(graph):
        for slot, array in zip_longest(slots, arrays):
            if slot is None:
                raise _differs(slots[-1], f"a further weight of shape {tuple(array.shape)}")
            if array is None:
                raise _differs(slot, "none")
            if tuple(array.shape) != slot.shape:
                raise _differs(slot, f"one of shape {tuple(array.shape)}")
            found[slot.path] = np.array(array, types[slot.path])
    return found


def _slots(body) -> list[list[_WeightSpec]]:
    """Return the slots of each layer that has weights, nested ones by themselves, in order."""
    by_layer: dict[str, list[_WeightSpec]] = {}
    for layer in body.layers:
        for variable in (*layer.trainable_weights, *layer.non_trainable_weights):
            slot = _WeightSpec(variable.path, layer.name, tuple(variable.shape))
            by_layer.setdefault(variable.path.rsplit("/", 1)[0], []).append(slot)
    return list(by_layer.values())


def _refuse_more_layers(layers: Iterable[_Layer]) -> None:
    """Refuse a deeper network: what follows on the body's may be a head, but no convolution."""
    for arrays in layers:
        if any(len(array.shape) == 4 for array in arrays):
            raise WeightMismatch(
                "all of its layers are in the file, but so are further convolutions, behind them: "
                "the file is of another network."
            )


def _in_order(layer: dict[str, Any], names) -> _Layer:
    """Return the arrays of these names, `None` for none, and then whatever else there is."""
    others = [array for name, array in layer.items() if name not in names]
    return [layer.get(name) for name in names] + others


def _from_safetensors(arrays, graph):
    """Pair by the paths of variables."""
    stored: dict[str, dict[str, Any]] = {}
    for path, array in arrays.items():
        stored.setdefault(path.rpartition("/")[0], {})[path] = array
    for slots in _slots(graph.body):
        layer = stored.pop(slots[0].path.rpartition("/")[0], {})
        yield slots, _in_order(layer, [slot.path for slot in slots])
    _refuse_more_layers(list(layer.values()) for layer in stored.values())


def _arrays_in(group) -> dict[str, h5py.Dataset]:
    """Return the arrays that an HDF5 group itself holds, by path.

    Links are not followed, and an array that is kept in another file is refused: what is read must
    not depend on what else there is on this machine.
    """
    arrays = {}

    def note(path, node):
        if isinstance(node, h5py.Dataset):
            if node.external or node.is_virtual:
                raise OSError(f"{path} is not in the file itself, but in another one")
            arrays[path] = node

    group.visititems(note)
    return arrays


# EfficientNet's constants of normalisation, which are part of the preprocessing here.
_NORMALIZATION = re.compile(r"normalization(_\d+)?")


def _from_keras_2(group, graph):
    """Pair layers by their order, as Keras does; what follows on the body's is the file's top."""
    arrays = _arrays_in(group)
    stored: dict[str, _Layer] = {}
    for layer in _names(group, "layer_names"):
        if _NORMALIZATION.fullmatch(layer):
            continue
        for weight in _names(group[layer], "weight_names"):
            # A model in a layer's place has all its weights in one group.
            inner = weight.rpartition("/")[0]
            stored.setdefault(f"{layer} {inner}", []).append(arrays.get(f"{layer}/{weight}"))
    layers = list(stored.values())
    slots = _slots(graph.body)
    yield from zip_longest(slots, layers[: len(slots)], fillvalue=[])
    _refuse_more_layers(layers[len(slots) :])


def _names(group, attribute) -> list[str]:
    return [n.decode() if isinstance(n, bytes) else str(n) for n in group.attrs[attribute]]


def _from_keras_3(file, graph):
    """Pair by the place that Keras itself gives to each weight, wherever in the file they begin.

    A file of a whole classifier has its body in a group of its own, or its head behind it.
    """
    # As Keras itself does with files of its first versions.
    arrays = {
        path.replace("_layer_checkpoint_dependencies", "layers"): array
        for path, array in _arrays_in(file).items()
    }
    stored: dict[str, dict[str, Any]] = {}
    for path, array in arrays.items():
        stored.setdefault(path.rpartition("/")[0], {})[path] = array
    places = _places(graph)
    slots = _slots(graph.body)
    homes = [places[layer[0].path].rpartition("/")[0] for layer in slots]

    def found(beginning):
        return [
            _in_order(
                stored.get(beginning + home, {}), [beginning + places[slot.path] for slot in layer]
            )
            for layer, home in zip(slots, homes, strict=True)
        ]

    def fitting(beginning):
        pairs = zip(slots, found(beginning), strict=True)
        return sum(
            [slot.shape for slot in layer] == [getattr(array, "shape", None) for array in arrays]
            for layer, arrays in pairs
        )

    beginnings = {path[: path.index(homes[0])] for path in stored if path.endswith(homes[0])}
    best = sorted(beginnings or {""}, key=lambda beginning: (-fitting(beginning), beginning))
    if len(best) > 1 and fitting(best[0]) == fitting(best[1]) == len(slots):
        raise WeightMismatch(
            f"it is in the file more than once, in {best[0]!r} and in {best[1]!r}."
        )
    yield from zip(slots, found(best[0]), strict=True)
    own = {best[0] + home for home in homes}
    _refuse_more_layers(
        list(layer.values())
        for home, layer in stored.items()
        if home.startswith(f"{best[0]}layers/") and home not in own
    )


_known_places: WeakKeyDictionary[Graph, dict[str, str]] = WeakKeyDictionary()


def _places(graph: Graph) -> dict[str, str]:
    """Return where a Keras 3 file has each weight of a body, by path.

    Keras has no public name for these places, so a file is written in which each weight is filled
    with its own number.
    """
    if graph in _known_places:
        return _known_places[graph]
    body = graph.body
    numbered = {
        variable.path: np.full(variable.shape, number, "float32")
        for number, variable in enumerate(body.weights)
    }
    paths = list(numbered)
    places: dict[str, str] = {}

    def note(name, node):
        if isinstance(node, h5py.Dataset):
            places[paths[int(node[()].flat[0])]] = name

    with TemporaryDirectory(prefix="skfashion-") as folder:
        written = Path(folder, "places" + KERAS_SUFFIX)
        _write_as_keras_does(body, numbered, written)
        with h5py.File(written) as file:
            file.visititems(note)
    return _known_places.setdefault(graph, places)


def _safetensors():
    try:
        import safetensors.numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Files of the type .safetensors need the package safetensors: "
            'run `pip install "skfashion[safetensors]"`.',
            name="safetensors",
        ) from error
    return safetensors
