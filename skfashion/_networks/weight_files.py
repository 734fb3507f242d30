"""Files of body weights: read into arrays that fit a body, and written.

Nothing here runs code from a file: HDF5 and safetensors hold arrays, and of a `.keras` archive only
the weights are read, never the configuration.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py

from .._backbones.spec import WEIGHT_FORMATS, check_weights
from .graph import Graph, Weights
from .keras2_layout import find_keras2_group, pair_keras2
from .keras3_layout import KERAS_SUFFIX, pair_keras3, write_keras3
from .official_weights import fetch_official
from .weight_matching import PairLayers, WeightMismatch, match_layers, pair_by_path

SAFETENSORS_SUFFIX = ".safetensors"
_WEIGHTS_IN_ARCHIVE = "model.weights.h5"


def load_body_weights(weights, graph: Graph) -> Weights:
    """Return a body's weights from a file.

    Parameters
    ----------
    weights : str or path-like
        "imagenet" for the official weights, downloaded if need be; or the path of a Keras
        `.weights.h5` file, an `.h5` file in the layout of the official releases, a `.keras`
        archive or a `.safetensors` file.
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
        If the file has none of these formats, or does not fit the body.
    """
    backbone = graph.architecture.backbone
    check_weights(weights, backbone)
    path = fetch_official(backbone) if weights == "imagenet" else Path(weights).expanduser()
    try:
        with _open_weights(path) as pair_layers:
            return match_layers(pair_layers, graph)
    except WeightMismatch as mismatch:
        raise ValueError(
            f"weights={str(path)!r} does not fit the body of backbone {backbone.name!r} on images "
            f"of shape {graph.architecture.image_shape}: {mismatch}"
        ) from None
    except ModuleNotFoundError:
        raise
    except Exception as error:  # the errors depend on the format
        raise ValueError(
            f"weights={str(path)!r} cannot be read: {error}. Give a file of the type "
            f"{WEIGHT_FORMATS}; convert others to one of these first."
        ) from error


@contextmanager
def _open_weights(path: Path) -> Iterator[PairLayers]:
    """Open a file; yield the function that pairs the layers of a body with those of the file."""
    if path.suffix == SAFETENSORS_SUFFIX:
        yield partial(pair_by_path, _import_safetensors().numpy.load_file(path))
        return
    content: Any = path
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            content = BytesIO(archive.read(_WEIGHTS_IN_ARCHIVE))
    with h5py.File(content) as file:
        group = find_keras2_group(file)
        yield partial(pair_keras3, file) if group is None else partial(pair_keras2, group)


def save_body_weights(weights: Weights, graph: Graph, path) -> None:
    """Write a body's weights as a Keras `.weights.h5` or a `.safetensors` file.

    An interrupted write leaves the old file, or none.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the name has another ending.
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
    body_weights = {variable.path: weights[variable.path] for variable in graph.body.weights}
    with TemporaryDirectory(dir=path.parent, prefix=".skfashion-") as folder:
        written = Path(folder, path.name)
        if path.name.endswith(SAFETENSORS_SUFFIX):
            _import_safetensors().numpy.save_file(body_weights, written)
        else:
            write_keras3(graph.body, body_weights, written)
        written.replace(path)


def _import_safetensors():
    try:
        import safetensors.numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Files of the type .safetensors need the package safetensors: "
            'run `pip install "skfashion[safetensors]"`.',
            name="safetensors",
        ) from error
    return safetensors
