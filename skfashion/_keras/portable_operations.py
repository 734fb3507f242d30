"""Operations of Keras' layers that other runtimes have."""

from functools import partial
from math import sqrt

from .tensorflow import keras, tf


def use_portable_operations(model) -> None:
    """Let the layers of a model compute by operations that have a counterpart in ONNX.

    Keras compiles grouped convolutions with XLA, and TensorFlow computes GELU by the complementary
    error function. ONNX has neither. Results differ by rounding only.

    Parameters
    ----------
    model : keras.Model
        The model.
    """
    for layer in model._flatten_layers():
        if type(layer) is keras.layers.Conv2D and layer.groups > 1:
            vars(layer)["convolution_op"] = partial(_convolve, layer)
        if getattr(layer, "activation", None) is keras.activations.gelu:
            vars(layer)["activation"] = _gelu


def _gelu(inputs):
    return 0.5 * inputs * (1 + keras.ops.erf(inputs / sqrt(2)))


def _convolve(layer, inputs, kernel):
    options = {
        "strides": layer.strides,
        "padding": layer.padding,
        "dilation_rate": layer.dilation_rate,
        "data_format": layer.data_format,
    }
    height, width, depth, n_filters = kernel.shape
    if depth == 1:  # a group is a channel
        kernel = tf.reshape(kernel, (height, width, layer.groups, n_filters // layer.groups))
        return keras.ops.depthwise_conv(inputs, kernel, **options)
    parts = zip(
        tf.split(inputs, layer.groups, axis=-1),
        tf.split(kernel, layer.groups, axis=-1),
        strict=True,
    )
    return tf.concat([keras.ops.conv(*part, **options) for part in parts], axis=-1)
