"""The public functions `save` and `load`."""

from collections.abc import Sequence
from os import PathLike
from textwrap import shorten
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import InvalidParameterError, validate_params

from .._atomic_files import resolve_output
from .._backbones.registry import keep_unregistered
from .._backbones.spec import Backbone
from .._home_folder import expand_home
from .._version import __version__
from .file_format import FORMAT, read_document, write_document
from .saved_classes import class_name_of
from .scikit_learn import dump_scikit_learn, load_scikit_learn
from .values import Reader, Writer

_MOST_CHARACTERS = 500
# Errors of decoding a document of another form.
_DECODE_ERRORS = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)


@validate_params({"path": [str, PathLike]}, prefer_skip_nested_validation=True)
def save(estimator: BaseEstimator, path: str | PathLike) -> None:
    """Save an estimator to a file that loads without running code.

    The file holds parameters, labels, settings and histories as JSON, and weights as arrays, with a
    checksum over all of it. `load` returns an estimator whose predictions are bit-identical on the
    same machine with the same number of threads.

    Parameters
    ----------
    estimator : estimator
        A `TransferClassifier` or `BackboneFeatures`, fitted or not. With the package skops (``pip
        install "skfashion[skops]"``) also a pipeline, a search, or another estimator of
        scikit-learn that contains them.
    path : str or path-like
        Path of the file, by convention with the ending ``.skf``. An interrupted write leaves the
        old file, or none.

    Raises
    ------
    TypeError
        If it is not an estimator, or has a value of a type that files cannot hold.
    ValueError
        If an estimator of this library or a recipe in it has an invalid value for `fit`, or lists
        and histories are too long for a file.
    ModuleNotFoundError
        If it is a pipeline, a search or another estimator of scikit-learn, and skops is missing.
    FileNotFoundError
        If the folder does not exist.
    IsADirectoryError
        If `path` is a folder.
    OSError
        If the file cannot be written, as on a full disk, or the path is a device or a
        named pipe.

    See Also
    --------
    load : Loads the file.

    Examples
    --------
    >>> import tempfile
    >>> import skfashion
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = folder + "/features.skf"
    ...     skfashion.save(skfashion.BackboneFeatures(layer="conv1"), path)
    ...     skfashion.load(path)
    BackboneFeatures(layer='conv1')
    """
    if not isinstance(estimator, BaseEstimator) or isinstance(estimator, type):
        raise TypeError(
            f"estimator must be an instance of an estimator, got {estimator!r}. Pass a "
            "TransferClassifier, a BackboneFeatures, or a pipeline or search with one."
        )
    path = resolve_output(path)
    content, arrays = _encode(estimator)
    write_document(path, {"format": FORMAT, "version": __version__, **content}, arrays)


def _encode(estimator: BaseEstimator) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the entry of an estimator in a document, and the arrays beside it."""
    writer = Writer()
    try:
        if name := class_name_of(estimator):
            content = {"estimator": writer.encode(estimator, name)}
        else:
            writer.arrays["skops"], parts = dump_scikit_learn(estimator, writer.left_out)
            content = {"parts": writer.encode(parts, "parts")}
    except InvalidParameterError as error:
        raise ValueError(
            f"{type(estimator).__name__} cannot be saved, because load would refuse the file: "
            f"{error} Set a valid value, or pickle it for files that you alone load."
        ) from error
    except RecursionError:
        raise TypeError(
            f"{type(estimator).__name__} cannot be saved, because it holds a list, dict or object "
            "that contains itself, or hundreds of nested ones. Set the parameter to another value."
        ) from None
    writer.left_out.warn()
    return content, writer.arrays


@validate_params(
    {"path": [str, PathLike], "backbones": [list, tuple]}, prefer_skip_nested_validation=True
)
def load(path: str | PathLike, *, backbones: Sequence[Backbone] = ()) -> BaseEstimator:
    """Load an estimator from a file that `save` wrote.

    No code in the file is executed, and no other file is read or written. Classes are found in a
    fixed table.

    Parameters
    ----------
    path : str or path-like
        The file.
    backbones : sequence of Backbone, default=()
        User-defined backbones of the estimator. A file holds no code, only the name of such a
        backbone, its stages, channels and pooling, and the features that it computed for one image.
        `load` compares these with the backbone that it gets. Registered backbones need not be
        passed. If a parameter holds the name of a backbone that is not registered, later fits and
        clones use the one that is passed here.

    Returns
    -------
    estimator
        The estimator, fitted if it was.

    Raises
    ------
    ValueError
        If `save` did not write the file, it is damaged or of a later version, another process
        replaces it during the call, or a backbone is missing.
    TypeError
        If `backbones` is not a list or tuple, or an element is not a `Backbone`.
    ModuleNotFoundError
        If the file holds an estimator of scikit-learn, such as a pipeline, and skops is missing.
    FileNotFoundError
        If the file does not exist.
    IsADirectoryError
        If `path` is a folder.
    OSError
        If the file cannot be read.

    See Also
    --------
    save : Writes the file.

    Examples
    --------
    >>> import tempfile
    >>> import skfashion
    >>> clf = skfashion.TransferClassifier(epochs=3, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clf.save(folder + "/classifier.skf")
    ...     skfashion.load(folder + "/classifier.skf")
    TransferClassifier(epochs=3, random_state=0)
    """
    for backbone in backbones:
        if not isinstance(backbone, Backbone):
            raise TypeError(f"backbones must be a list of Backbone, got {backbone!r} in it.")
    path = expand_home(path)
    if path.is_dir():
        raise IsADirectoryError(f"path={str(path)!r} is a folder. Name a file that save wrote.")
    if not path.is_file():
        raise FileNotFoundError(f"path={str(path)!r}: there is no such file.")
    version = None
    try:
        document, arrays = read_document(path)
        _check_format(document)
        version = document.get("version")
        reader = Reader(arrays, backbones)
        if "estimator" in document:
            estimator = reader.decode(document["estimator"])
        else:
            parts = reader.decode(document["parts"])
            estimator = load_scikit_learn(arrays["skops"], parts)
        if not isinstance(estimator, BaseEstimator):
            raise ValueError("it holds no estimator")
        names = _strings_in(estimator.get_params()) if backbones else set()
    except _DECODE_ERRORS as error:
        cause = _in_one_line(error)
        if writer := _describe_writer(version):
            cause = f"{cause.rstrip('.')}. {writer}"
        raise ValueError(f"path={str(path)!r} cannot be loaded: {cause}") from error
    for backbone in backbones:
        if backbone.name in names:
            keep_unregistered(backbone)
    return estimator


def _check_format(document: Any) -> None:
    if not isinstance(document, dict) or type(document.get("format")) is not int:
        raise ValueError("it has no format number")
    if document["format"] != FORMAT:
        raise ValueError(
            f"it has format {document['format']}, written by skfashion "
            f"{document.get('version')}, and skfashion {__version__} reads format {FORMAT}. Load "
            "it with that version."
        )


def _describe_writer(version: Any) -> str:
    """Return a sentence on the version that wrote a file, if it is another one."""
    if not isinstance(version, str) or version == __version__:
        return ""
    return (
        f"skfashion {shorten(version, _MOST_CHARACTERS)} wrote it, and this is skfashion "
        f"{__version__}. If the versions are the cause, load it with the one that wrote it."
    )


def _strings_in(value: Any) -> set[str]:
    """Return the strings in nested containers, such as the grid of a search."""
    strings, seen, remaining = set(), set(), [value]
    while remaining:
        each = remaining.pop()
        if isinstance(each, str):
            strings.add(each)
        elif isinstance(each, np.ndarray) and each.dtype.kind in "UO":
            remaining += each.ravel().tolist()
        elif isinstance(each, dict | list | tuple) and id(each) not in seen:
            seen.add(id(each))
            remaining += each.values() if isinstance(each, dict) else each
    return strings


def _in_one_line(error: Exception) -> str:
    text = shorten(str(error), _MOST_CHARACTERS) or type(error).__name__
    if isinstance(error, ValueError):
        return text
    return f"its content does not have the form that save writes ({type(error).__name__}: {text})"
