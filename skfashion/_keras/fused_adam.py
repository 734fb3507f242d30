"""Keras' Adam in one TensorFlow kernel: one pass over a weight and its moments, not ten."""

from .tensorflow import keras, tf


class FusedAdam(keras.optimizers.Adam):
    """Adam [1]_ with Keras' defaults, state and formula. Results differ by rounding only.

    References
    ----------
    .. [1] Kingma, Ba: "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv:1412.6980.
    """

    def update_step(self, gradient, variable, learning_rate):
        """Update a variable and its moments in place."""
        index, dtype = self._get_variable_index(variable), variable.dtype
        step = tf.cast(self.iterations + 1, dtype)
        beta_1, beta_2, epsilon = (
            tf.constant(number, dtype) for number in (self.beta_1, self.beta_2, self.epsilon)
        )
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=tf.cast(gradient, dtype),
        )
