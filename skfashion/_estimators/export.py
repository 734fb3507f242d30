"""Export of fitted classifiers to other runtimes."""

import json
import os
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions, validate_params

from .._data.pixel_range import range_of_decoded
from .._reporting.facts import array_shape
from .._version import __version__
from .find_classifier import changes_images, fitted_classifier


@validate_params(
    {
        "path": [str, os.PathLike],
        "input_dtype": [StrOptions({"uint8", "float32"}), None],
        "test_time_flips": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def export_onnx(
    estimator: Any,
    path: str | os.PathLike,
    *,
    input_dtype: str | None = None,
    test_time_flips: bool = False,
) -> None:
    """Write a fitted classifier as an ONNX file, which runs without skfashion and Keras.

    The file takes raw images and returns class probabilities. It includes pixel scaling, resizing,
    conversion of grey to colour and normalisation. The function needs the extra ``onnx``.

    Parameters
    ----------
    estimator : estimator
        A fitted `TransferClassifier`, alone or at the end of a pipeline or search. For a search the
        best estimator is taken. Steps of a pipeline that change images are an error.
    path : str or path-like
        Path of the file, which ends in ``.onnx``. An interrupted write leaves the old file, or
        none.
    input_dtype : {"uint8", "float32"}, default=None
        Type of the images: "uint8" for 0 (black) to 255 (white), or 255 (black) to 0 (white) if
        black is the larger value of `pixel_range_`; "float32" for values in `pixel_range_`. By
        default "uint8" if `pixel_range_` is 0 to 255, or 255 to 0, else "float32".
    test_time_flips : bool, default=False
        Whether the probabilities are the mean of those of an image and of its mirror image, as for
        the recipe's option of this name. This takes twice the time.

    Raises
    ------
    FileNotFoundError
        If the folder of `path` does not exist.
    IsADirectoryError
        If `path` is a folder.
    ModuleNotFoundError
        If the extra ``onnx`` is not installed.
    NotFittedError
        If the estimator is not fitted.
    OSError
        If the file cannot be written, as on a full disk, or is a device or a named pipe.
    TypeError
        If the estimator is not a `TransferClassifier`, alone or at the end of a pipeline or search.
    ValueError
        If a step of a pipeline changes the images, `path` has another ending, or ONNX cannot hold
        the network.

    Notes
    -----
    The input ``images`` has the shape (n, height, width) for grey images and (n, height, width,
    channels) for others, with any n. The sizes are those of `image_shape_`: resize other images
    before you pass them. Flat rows that `fit` padded to an image stay flat rows.

    The output ``probabilities`` has the shape (n, n_classes), in the order of `classes_`. The
    metadata hold, as JSON: ``labels`` (`classes_`), ``image_shape`` (`image_shape_`),
    ``pixel_range`` (the values of the input for black and white) and ``skfashion_version``.

    The file computes in float32. Its probabilities agree with those of `predict_proba` to 1e-5,
    with two exceptions. With ``dtype="mixed_bfloat16"`` they differ by the rounding of bfloat16,
    about 0.01. With ``Recipe(test_time_flips=True)`` they differ unless `test_time_flips` is `True`
    here too, because `predict_proba` averages over mirror images.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import onnx
    >>> from skfashion import TransferClassifier, export_onnx
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> clf = TransferClassifier(epochs=1, random_state=0).fit(X[:200], y[:200])
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "clothes.onnx")
    ...     export_onnx(clf, path)
    ...     model = onnx.load(path)
    >>> {entry.key: entry.value for entry in model.metadata_props}["labels"]
    '[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]'
    """
    classifier = fitted_classifier(estimator)
    if changes_images(estimator, fitted=True):
        raise ValueError(
            "estimator has steps that change images before the classifier gets them, which the "
            "file would lack. Pass the classifier alone, and apply these steps to its input."
        )
    _check_packages()
    from .._networks.onnx_model import write_onnx

    network = classifier._fitted
    pixel_range = classifier.pixel_range_
    decoded_range = range_of_decoded(pixel_range)
    if input_dtype is None:
        input_dtype = "uint8" if pixel_range == decoded_range else "float32"
    if input_dtype == "uint8":
        pixel_range = decoded_range
    metadata = {
        "labels": json.dumps(_list_labels(classifier.classes_), default=str),
        "image_shape": json.dumps(classifier.image_shape_),
        "pixel_range": json.dumps(pixel_range),
        "skfashion_version": json.dumps(__version__),
    }
    write_onnx(
        path,
        network.architecture,
        network.weights,
        (array_shape(classifier), input_dtype),
        pixel_range,
        metadata,
        test_time_flips=test_time_flips,
    )


def _list_labels(classes: np.ndarray) -> list:
    """Return labels as JSON can hold them; NumPy's dates of nanoseconds would become integers."""
    return classes.astype(str).tolist() if classes.dtype.kind in "mM" else classes.tolist()


def _check_packages() -> None:
    try:
        import onnx  # noqa: F401

        # Keras' export needs tf2onnx, whose import changes the log level of TensorFlow.
        if find_spec("tf2onnx") is None:
            raise ModuleNotFoundError(name="tf2onnx")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "export_onnx needs the packages onnx and tf2onnx, which are not both installed: "
            'run `pip install "skfashion[onnx]"`.',
            name=error.name,
        ) from error
