"""Batch normalisation in inference as a part of the convolution before it."""

from collections import Counter, defaultdict

from .fused_batch_norm import BatchNormalization
from .replaced_calls import replaced_calls
from .tensorflow import keras, tf


def merged_batch_norm(model, stages):
    """Return a context in which convolution and batch normalisation are one, in inference mode.

    Normalisation by stored averages multiplies each channel and adds to it. Multiplied kernels and
    other biases do the same without further passes over the feature map. A block traces the model
    in inference mode, by a function to which weights are passed: kernels are multiplied in the
    graph. Results differ by rounding only.

    Pairs count whose first layer has no other consumer in this model, in float32. Several models
    share layers, and in another one the output of a convolution may be needed itself. Stages are
    never merged, so that a network has the same bits as its parts from stage to stage. The caller
    holds the lock of `fresh_keras_state`, under which all tracing of these layers must be.

    Parameters
    ----------
    model : keras.Model
        The model.
    stages : collection of str
        Names of the backbone's stages.
    """
    pairs = _find_pairs(model, stages)
    return replaced_calls(
        replacement
        for convolution, norm in pairs
        for replacement in ((convolution, _merged_call(convolution, norm)), (norm, _identity))
    )


def _identity(inputs, **_):
    return inputs


def _find_pairs(model, stages=()):
    """Return pairs of a convolution and the batch normalisation that alone takes its output."""
    nodes = [node for at_depth in model._nodes_by_depth.values() for node in at_depth]
    calls = Counter(id(node.operation) for node in nodes)
    consumers: defaultdict[int, list] = defaultdict(list)
    for tensor in model.outputs:
        consumers[id(tensor)].append(None)
    for node in nodes:
        for tensor in node.input_tensors:
            consumers[id(tensor)].append(node.operation)
    pairs = []
    for node in nodes:
        convolution = node.operation
        if convolution.name in stages or not _is_plain_convolution(convolution):
            continue
        following = consumers[id(node.output_tensors[0])]
        pair = convolution, *following
        if (
            len(pair) == 2
            and _is_plain_norm(pair[1])
            and all(calls[id(each)] == 1 for each in pair)
        ):
            pairs.append(pair)
    return pairs


def _is_plain_convolution(layer) -> bool:
    return (
        type(layer) in (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
        and layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
        and layer.compute_dtype == layer.variable_dtype == "float32"
        and getattr(layer, "lora_rank", None) is None
        and getattr(layer, "quantization_mode", None) is None
    )


def _is_plain_norm(layer) -> bool:
    # A subclass may compute something else.
    calls = keras.layers.BatchNormalization.call, BatchNormalization.call
    return (
        isinstance(layer, keras.layers.BatchNormalization)
        and type(layer).call in calls
        and layer.axis in (-1, 3)
        and layer.compute_dtype == layer.variable_dtype == "float32"
        and not (layer.synchronized or layer.renorm)
    )


def _merged_call(convolution, norm):
    """Return the `call` of a convolution that also normalises."""

    def call(inputs, **_):
        scale = tf.math.rsqrt(norm.moving_variance.value + norm.epsilon)
        if norm.gamma is not None:
            scale = scale * norm.gamma.value
        mean = norm.moving_mean.value
        if convolution.bias is not None:
            mean = mean - convolution.bias.value
        offset = -mean * scale if norm.beta is None else norm.beta.value - mean * scale
        return tf.nn.bias_add(_convolve(convolution, inputs, scale), offset)

    return call


def _convolve(layer, inputs, scale):
    """Return a convolution with a kernel that is multiplied by channel."""
    if type(layer) is keras.layers.Conv2D:
        return layer.convolution_op(inputs, layer.kernel.value * scale)
    kernel = layer.kernel.value
    return keras.ops.depthwise_conv(
        inputs,
        kernel * tf.reshape(scale, kernel.shape[2:]),
        strides=layer.strides,
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        data_format=layer.data_format,
    )
