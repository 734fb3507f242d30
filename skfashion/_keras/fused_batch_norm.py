"""Keras' batch normalisation with TensorFlow's own kernel: one pass, not one per operation."""

from .tensorflow import keras, tf


class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation [1]_ of feature maps, with Keras' formula, rounded in another order.

    The kernel runs where the layer trains. In inference, and on what the kernel does not know, it
    is Keras' layer. It has that one's name, too: Keras' files of weights are arranged by the names
    of classes.

    References
    ----------
    .. [1] Ioffe, Szegedy: "Batch Normalization: Accelerating Deep Network Training by Reducing
       Internal Covariate Shift", ICML 2015, arXiv:1502.03167.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise by the batch and move the averages, or normalise by these."""
        trains = training and self.trainable
        if not (trains and mask is None and self._suits_kernel(inputs)):
            return super().call(inputs, training=training, mask=mask)
        channels, none = inputs.shape[-1:], tf.zeros([0])
        normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.ones(channels) if self.gamma is None else self.gamma.value,
            offset=tf.zeros(channels) if self.beta is None else self.beta.value,
            mean=none,
            variance=none,
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel divides by n - 1, Keras by n.
        n_values = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
        variance *= (n_values - 1) / n_values
        for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + value * (1 - self.momentum))
        return normalised

    def _suits_kernel(self, inputs):
        is_last_axis = self.axis in (-1, len(inputs.shape) - 1)
        types = inputs.dtype, self.moving_mean.dtype
        known = types in ((tf.float32, "float32"), (tf.bfloat16, "float32"))
        return (
            len(inputs.shape) == 4
            and is_last_axis
            and known
            and not (self.synchronized or self.renorm)
        )


def use_keras_batch_normalization(model) -> None:
    """Turn the layers of this kind in a model into Keras' own, which have the same state."""
    for layer in model.layers:
        if isinstance(layer, BatchNormalization):
            layer.__class__ = keras.layers.BatchNormalization
