"""Dropout at rates that are set at run time, so that a grid over rates needs no new trace."""

from .replaced_calls import replaced_calls
from .tensorflow import keras, tf


def dropout_at(model, rates):
    """Return a context that lets layers of a model drop shares that are tensors, in training mode.

    A block traces the model. A layer has the bits of Keras' layer that is built with the rate.
    Layers that were built with a rate of 0 draw nothing, so they are not changed.

    Parameters
    ----------
    model : keras.Model
        The model.
    rates : dict of str to tf.Tensor
        The rate of each layer by its name, as a float64 below 1.
    """
    layers = [layer for layer in model.layers if layer.name in rates and layer.rate > 0]
    return replaced_calls(
        (layer, _drop_at(rates[layer.name], layer.seed_generator)) for layer in layers
    )


def _drop_at(rate, seed_generator):
    def call(inputs, training=False):
        if not training:
            return inputs
        draws = keras.random.uniform(tf.shape(inputs), dtype=inputs.dtype, seed=seed_generator)
        scaled = inputs * tf.cast(1 / (1 - rate), inputs.dtype)
        return tf.where(draws >= tf.cast(rate, inputs.dtype), scaled, tf.zeros([], inputs.dtype))

    return call
