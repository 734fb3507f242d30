"""Fitted networks as ONNX models."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from .._atomic_files import resolve_output, write_file
from .._data.pixel_range import scale_to_white
from .._keras.global_state import fresh_keras_state
from .._keras.normalization_constants import embed_normalization_constants
from .._keras.portable_operations import use_portable_operations
from .._keras.runtime import check_runtime
from .._keras.tensorflow import kept_log_level, keras, silent_standard_error, tf
from .architecture import Architecture, Weights
from .network import Network

_SUFFIX = ".onnx"
# A file of Protocol Buffers has fewer bytes.
_BYTES_OF_LARGEST_FILE = 2**31


def write_onnx(
    path,
    architecture: Architecture,
    weights: Weights,
    input_spec: tuple[tuple[int, ...], str],
    pixel_range: tuple[float, float],
    metadata: Mapping[str, str],
    *,
    test_time_flips: bool = False,
) -> None:
    """Write a network from images to class probabilities as an ONNX file.

    An interrupted write leaves the old file, or none.

    Parameters
    ----------
    path : str or path-like
        The file; its name ends in ``.onnx``.
    architecture : Architecture
        The network. The file computes in float32, for any type of the network.
    weights : dict of str to ndarray
        Weights by path.
    input_spec : tuple of (shape, dtype)
        Shape and type of an input image. Rows that are shorter than an image are padded.
    pixel_range : tuple of (black, white)
        The values of the input that mean black and white.
    metadata : dict of str to str
        Entries of the file's metadata.
    test_time_flips : bool, default=False
        Whether probabilities are the mean of those of an image and of its mirror image.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    IsADirectoryError
        If the path is a folder.
    OSError
        If the path is a device or a named pipe.
    ValueError
        If the name has another ending, the network is too large for a file, or ONNX lacks one of
        its operations.
    """
    import onnx

    # A link may end in .onnx, and its target in another way.
    if Path(path).suffix != _SUFFIX:
        raise ValueError(f"path={str(path)!r} must end in {_SUFFIX!r}.")
    path = resolve_output(path)
    check_runtime()
    architecture = replace(architecture, dtype="float32")
    _check_size(weights)
    with TemporaryDirectory(dir=path.parent, prefix=".skfashion-") as folder:
        written = Path(folder, path.name)
        with fresh_keras_state(), _silent_conversion():
            model = _build_model(
                architecture, weights, input_spec, pixel_range, test_time_flips=test_time_flips
            )
            model.export(str(written), format="onnx", verbose=False)
        converted = onnx.load(written)
        _check_operations(converted, architecture.backbone.name)
        for tensor in (*converted.graph.input, *converted.graph.output):
            tensor.type.tensor_type.shape.dim[0].dim_param = "n"
    onnx.helper.set_model_props(converted, dict(metadata))
    write_file(path, converted.SerializeToString())


def _build_model(architecture, weights, input_spec, pixel_range, *, test_time_flips):
    """Return a Keras model from input images to probabilities."""
    shape, dtype = input_spec
    images = keras.Input(shape, name="images", dtype=dtype)
    x = (keras.ops.cast(images, "float32") - pixel_range[0]) * scale_to_white(pixel_range)
    padding = int(np.prod(architecture.image_shape) - np.prod(shape))
    if padding:
        x = keras.ops.pad(x, ((0, 0), (0, padding)))
    x = keras.layers.Reshape(architecture.image_shape)(x)
    if architecture.body_size != architecture.image_shape[:2]:
        x = _resize(x, architecture.image_shape[:2], architecture.body_size)
    network = _resized_network(architecture)
    embed_normalization_constants(network)
    use_portable_operations(network)
    for variable in network.weights:
        variable.assign(weights[variable.path])
    views = [x, keras.ops.flip(x, axis=2)] if test_time_flips else [x]
    outputs = [keras.ops.softmax(network(view, training=False)) for view in views]
    model = keras.Model(images, {"probabilities": sum(outputs) / len(outputs)})
    # Keras exports models that were called. This call computes nothing.
    model(images)
    return model


def _resized_network(architecture):
    """Return the network that takes images which are resized already."""
    shape = *architecture.body_size, architecture.image_shape[2]
    return Network(replace(architecture, image_shape=shape, input_size=None)).model


def _resize(x, before, after):
    """Resize images as the network does, by a matrix for each axis.

    ONNX lacks TensorFlow's operation for images that are made smaller.
    """
    rows, columns = (_resizing_matrix(*sides) for sides in zip(before, after, strict=True))
    x = keras.ops.einsum("nhwc,hi->niwc", x, rows)
    return keras.ops.einsum("niwc,wj->nijc", x, columns)


def _resizing_matrix(before: int, after: int) -> np.ndarray:
    """Return the linear map, of shape (before, after), that resizes one axis of images."""
    impulses = np.eye(before, dtype=np.float32)[..., None, None]
    return tf.image.resize(impulses, (after, 1), antialias=after < before).numpy()[..., 0, 0]


def _check_size(weights: Weights) -> None:
    n_bytes = 4 * sum(array.size for array in weights.values())
    if n_bytes >= _BYTES_OF_LARGEST_FILE:
        raise ValueError(
            f"The network has {n_bytes:,} bytes of weights, but an ONNX file holds fewer than "
            f"{_BYTES_OF_LARGEST_FILE:,}. Set input_size to a smaller number and fit again."
        )


def _check_operations(converted, backbone: str) -> None:
    """Check that ONNX has all operations: the conversion does not change others.

    Tensors of a layer that are not weights become inputs of the file.
    """
    import onnx

    names = [tensor.name for tensor in converted.graph.input]
    if len(names) > 1:
        raise ValueError(
            f"Backbone {backbone!r} cannot be converted to ONNX: its layers hold tensors as "
            f"constants ({names[1:]}). Use NumPy arrays in their place."
        )
    try:
        onnx.checker.check_model(converted)
    except onnx.checker.ValidationError as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"Backbone {backbone!r} cannot be converted to ONNX: {reason}. Replace the layers that "
            "use this operation."
        ) from error


@contextmanager
def _silent_conversion() -> Iterator[None]:
    """Suppress warnings about the converter's code, its log, and notices of TensorFlow.

    The model is checked after it.
    """
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), kept_log_level(), silent_standard_error():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
