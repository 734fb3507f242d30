"""Files of body weights: read into arrays that fit a body, and written.

Nothing here runs code from a file: HDF5 and safetensors hold arrays, and of a `.keras` archive only
the weights are read, never the configuration.
"""

import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import h5py
import numpy as np

from ._graph import Graph, Weights
from ._official_weights import fetch_official

KERAS_SUFFIX = ".weights.h5"
SAFETENSORS_SUFFIX = ".safetensors"
_WEIGHTS_IN_ARCHIVE = "model.weights.h5"
_writing = Lock()


@dataclass(frozen=True)
class _Slot:
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
    path = fetch_official(backbone) if weights == "imagenet" else Path(weights)
    if not path.is_file():
        raise FileNotFoundError(
            f"weights={str(path)!r}: there is no such file. Give the path of one, or "
            '"imagenet", or None.'
        )
    try:
        with _opened(path) as find:
            return _matched(find, graph.body)
    except _Misfit as misfit:
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
    path = Path(path)
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


class _Misfit(Exception):
    """A weight that the body has is not in the file, or has another shape there."""

    def __init__(self, slot: _Slot, found):
        weight = slot.path.rsplit("/", 1)[-1]
        super().__init__(
            f"layer {slot.layer!r} is the first that differs, whose {weight} has the shape "
            f"{slot.shape}; in the file there is {found}."
        )


_Find = Callable[[object], Iterator[tuple[_Slot, np.ndarray | None]]]


@contextmanager
def _opened(path: Path) -> Iterator[_Find]:
    """Open a file; yield what pairs the slots of a body with the file's arrays."""
    if path.suffix == SAFETENSORS_SUFFIX:
        yield partial(_from_safetensors, _safetensors().numpy.load_file(path))
        return
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            content = BytesIO(archive.read(_WEIGHTS_IN_ARCHIVE))
        with h5py.File(content) as file:
            yield partial(_from_keras_3, file)
        return
    with h5py.File(path) as file:
        layers = file.get("model_weights", file)
        if "layer_names" in layers.attrs:
            yield partial(_from_keras_2, layers)
        else:
            yield partial(_from_keras_3, file)


def _matched(find: _Find, body) -> Weights:
    found = {}
    types = {variable.path: variable.dtype for variable in body.weights}
    for slot, array in find(body):
        if array is None:
            raise _Misfit(slot, "none")
        if tuple(array.shape) != slot.shape:
            raise _Misfit(slot, f"one of shape {tuple(array.shape)}")
        found[slot.path] = np.array(array, types[slot.path])
    return found


def _slots(body) -> list[list[_Slot]]:
    """Return the slots of each layer that has weights, in the order of layers and weights."""
    return [
        [
            _Slot(variable.path, layer.name, tuple(variable.shape))
            for variable in (*layer.trainable_weights, *layer.non_trainable_weights)
        ]
        for layer in body.layers
        if layer.weights
    ]


def _from_safetensors(arrays, body):
    for layer in _slots(body):
        for slot in layer:
            yield slot, arrays.get(slot.path)


def _from_keras_2(layers, body):
    """Pair layers by their order, as Keras does; what follows on the body's is the file's top."""
    stored = [
        [group[name] for name in group.attrs["weight_names"]]
        for group in (layers[name] for name in layers.attrs["layer_names"])
        # EfficientNet's constants of normalisation are part of our preprocessing.
        if len(group.attrs["weight_names"]) and not group.name.split("/")[-1].startswith("normal")
    ]
    for n, layer in enumerate(_slots(body)):
        arrays = stored[n] if n < len(stored) else []
        for m, slot in enumerate(layer):
            yield slot, arrays[m] if m < len(arrays) else None


def _from_keras_3(file, body):
    """Pair by the place that Keras itself gives to each weight, wherever in the file they begin.

    A file of a whole classifier has its body in a group of its own, or its head behind it.
    """
    places = _places(body)
    slots = [slot for layer in _slots(body) for slot in layer]
    beginnings = [""]
    file.visit(lambda name: beginnings.append(name[: -len("layers")]) if _is_layers(name) else None)

    def arrays_from(beginning):
        return [file.get(beginning + places[slot.path]) for slot in slots]

    def fitting(arrays):
        pairs = zip(slots, arrays, strict=True)
        return sum(array is not None and array.shape == slot.shape for slot, array in pairs)

    yield from zip(slots, max(map(arrays_from, beginnings), key=fitting), strict=True)


def _is_layers(name):
    return name.rsplit("/", 1)[-1] == "layers"


def _places(body) -> dict[str, str]:
    """Return where a Keras 3 file has each weight of a body, by path.

    Keras has no public name for these places, so a file is written in which each weight is filled
    with its own number.
    """
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
    return places


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
