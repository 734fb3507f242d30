"""Files of body weights: read into arrays that fit a body, and written.

Nothing here runs code from a file: HDF5 and safetensors hold arrays, and of a `.keras` archive only
the weights are read, never the configuration. Nothing is written but whole files.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from zipfile import is_zipfile

import h5py
import numpy as np
import safetensors

from .._array_bytes import encode_arrays
from .._atomic_files import resolve_output, write_file
from .._backbones.spec import WEIGHT_FORMATS, check_weights
from .._data.chunks import count_bytes
from .._home_folder import expand_home
from .architecture import Weights
from .graph import Graph
from .hdf5_files import check_readable, mark_as_readable, read_layout
from .keras2_layout import pair_keras2
from .keras3_layout import KERAS_SUFFIX, pair_keras3, to_keras3
from .keras_archives import unpack_weights
from .official_weights import fetch_official
from .weight_matching import (
    InvalidWeight,
    PairLayers,
    WeightMismatch,
    match_layers,
    pair_by_path,
)

SAFETENSORS_SUFFIX = ".safetensors"


def load_body_weights(weights, graph: Graph) -> Weights:
    """Return a body's weights from a file.

    Parameters
    ----------
    weights : str or path-like
        "imagenet" for the official weights, downloaded if necessary; or the path of a Keras
        `.weights.h5` file, an `.h5` file in the layout of the official releases, a `.keras` archive
        or a `.safetensors` file.
    graph : Graph
        The graph that has the body.

    Returns
    -------
    dict of str to ndarray
        All weights of the body, by path.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or the official weights cannot be downloaded.
    ValueError
        If the file has none of these formats, is damaged, does not match the body, or holds invalid
        numbers.
    """
    backbone = graph.architecture.backbone
    check_weights(weights, backbone)
    path = fetch_official(backbone) if weights == "imagenet" else expand_home(weights)
    official = backbone.official if weights == "imagenet" else None
    has_known_hash = official is not None and official.file_hash is not None
    try:
        with _open_weights(path, graph, has_known_hash) as pair_layers:
            return match_layers(pair_layers, graph)
    except WeightMismatch as mismatch:
        raise ValueError(
            f"weights={str(path)!r} does not fit the body of backbone {backbone.name!r} on images "
            f"of shape {graph.architecture.image_shape}: {mismatch}. Give a file of this network "
            f"alone, or set backbone to the network of the file."
        ) from None
    except InvalidWeight as error:
        raise ValueError(
            f"weights={str(path)!r} cannot be used: {error}. Give a file of trained weights."
        ) from None
    except Exception as error:  # the errors depend on the format
        raise ValueError(
            f"weights={str(path)!r} cannot be read: {error}. Give a file of the type "
            f"{WEIGHT_FORMATS}; convert others to one of these first."
        ) from error


@contextmanager
def _open_weights(path: Path, graph: Graph, has_known_hash: bool) -> Iterator[PairLayers]:
    """Open a file; yield the function that pairs the layers of a body with those of the file."""
    if path.suffix == SAFETENSORS_SUFFIX:
        with safetensors.safe_open(path, "numpy") as file:
            names = file.keys()
            yield partial(pair_by_path, {name: _Tensor(file, name) for name in names})
        return
    content = unpack_weights(path, _count_body_bytes(graph)) if is_zipfile(path) else None
    if not has_known_hash:
        check_readable(path, content, _shapes(graph), _count_body_bytes(graph))
    with h5py.File(content or path) as file:
        arrays, layers = read_layout(file)
        yield (
            partial(pair_keras3, arrays) if layers is None else partial(pair_keras2, arrays, layers)
        )


class _Tensor:
    """An array in a safetensors file, which is read when NumPy asks for it."""

    def __init__(self, file, name: str):
        self._file, self._name = file, name
        self.shape = tuple(file.get_slice(name).get_shape())

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self._file.get_tensor(self._name)


def _count_body_bytes(graph):
    return sum(count_bytes(variable.shape, variable.dtype) for variable in graph.body.weights)


def _shapes(graph):
    return frozenset(tuple(variable.shape) for variable in graph.body.weights)


def save_body_weights(weights: Weights, graph: Graph, path) -> None:
    """Write a body's weights as a Keras `.weights.h5` or a `.safetensors` file.

    An interrupted or failed write leaves the old file, or none.

    Raises
    ------
    OSError
        If there is no such folder, the path is a folder, or the file cannot be written.
    ValueError
        If the name has another ending.
    """
    # The ending of a link determines the format, not that of its target.
    name = Path(path).name
    if not name.endswith((KERAS_SUFFIX, SAFETENSORS_SUFFIX)):
        raise ValueError(
            f"path={str(path)!r} must end in {KERAS_SUFFIX!r} or {SAFETENSORS_SUFFIX!r}."
        )
    path = resolve_output(path)
    body_weights = {variable.path: weights[variable.path] for variable in graph.body.weights}
    if name.endswith(SAFETENSORS_SUFFIX):
        content = encode_arrays(body_weights)
    else:
        content = to_keras3(graph.body, body_weights)
    write_file(path, content)
    mark_as_readable(path, _shapes(graph))
