"""Keras' batch normalisation in one TensorFlow kernel: one pass over the data."""

from .tensorflow import keras, tf


class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation [1]_ with Keras' formula. Results differ by rounding only.

    The kernel runs on feature maps of the types that it supports. In inference TensorFlow merges it
    with the convolution before it. In all other cases this is Keras' layer. The class has the same
    name as Keras', because Keras arranges files of weights by the names of classes.

    References
    ----------
    .. [1] Ioffe, Szegedy: "Batch Normalization: Accelerating Deep Network Training by Reducing
       Internal Covariate Shift", ICML 2015, arXiv:1502.03167.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise by the batch and update the averages, or normalise by the averages."""
        trains = training and self.trainable
        if not self._is_supported(inputs) or (trains and mask is not None):
            return super().call(inputs, training=training, mask=mask)
        channels, none = inputs.shape[-1:], tf.zeros([0])
        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.ones(channels) if self.gamma is None else self.gamma.value,
            offset=tf.zeros(channels) if self.beta is None else self.beta.value,
            mean=none if trains else self.moving_mean.value,
            variance=none if trains else self.moving_variance.value,
            epsilon=self.epsilon,
            is_training=bool(trains),
        )
        if trains:
            self._update_averages(inputs, mean, variance)
        return normalised

    def _update_averages(self, inputs, mean, variance):
        # The kernel divides by n - 1, but Keras divides by n.
        n_values = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
        variance *= (n_values - 1) / n_values
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + value * (1 - self.momentum))

    def _is_supported(self, inputs):
        is_last_axis = self.axis in (-1, len(inputs.shape) - 1)
        types = inputs.dtype, self.moving_mean.dtype
        has_types = types in ((tf.float32, "float32"), (tf.bfloat16, "float32"))
        return (
            len(inputs.shape) == 4
            and is_last_axis
            and has_types
            and not (self.synchronized or self.renorm)
        )


def use_keras_batch_normalization(model) -> None:
    """Turn the layers of this class in a model into Keras' layers, which have the same state.

    The class is assigned, because Keras' `clone_model` would build every layer again. It would give
    the model other names and variables, and fail on layers of users without a `get_config`.
    """
    for layer in model.layers:
        if isinstance(layer, BatchNormalization):
            layer.__class__ = keras.layers.BatchNormalization
