"""The gradient of a network's loss with respect to its weights."""

import numpy as np

from .._data.array_source import ArraySource
from .._keras.global_state import fresh_keras_state
from .._keras.tensorflow import tf
from .._keras.tracing import trace
from .architecture import Weights
from .batch_function import call_with_weights, pad_rows, weight_specs, weight_tensors
from .network import Network


class LossGradient:
    """The gradient of the mean cross-entropy of rows, in inference mode.

    Parameters
    ----------
    network : Network
        The network.
    """

    def __init__(self, network: Network):
        self._model, architecture = network.model, network.architecture
        self._batch_size = architecture.prediction_batch
        self._float_type = architecture.float_type
        self.paths = [variable.path for variable in self._model.trainable_variables]
        n_rows = [self._batch_size]
        with fresh_keras_state(architecture.dtype):
            self._run = trace(
                self._batch_gradients,
                weight_specs(self._model),
                tf.TensorSpec([*n_rows, *architecture.image_shape], architecture.float_type),
                tf.TensorSpec(n_rows, tf.int32),
                tf.TensorSpec(n_rows, architecture.float_type),
            )

    def _batch_gradients(self, weights, images, targets, row_weights):
        """Return the gradients of a batch's weighted sum of losses."""
        logits = call_with_weights(self._model, weights, images)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        of_path = {v.path: tensor for v, tensor in zip(self._model.weights, weights, strict=True)}
        wanted = [of_path[path] for path in self.paths]
        zero = tf.UnconnectedGradients.ZERO
        return tf.gradients(tf.reduce_sum(losses * row_weights), wanted, unconnected_gradients=zero)

    def compute(
        self, weights: Weights, images: ArraySource, targets: np.ndarray, row_weights: np.ndarray
    ) -> Weights:
        """Return the gradient with respect to each trainable weight, by path.

        Parameters
        ----------
        weights : dict of str to ndarray
            All weights of the network, by path.
        images : array-like of shape (n, h, w, c)
            Images from 0 to 255: anything with a shape whose slices are arrays.
        targets : ndarray of int of shape (n,)
            Encoded labels.
        row_weights : ndarray of shape (n,)
            Sample weights.
        """
        tensors = weight_tensors(self._model, weights)
        shares = row_weights / row_weights.sum()
        sums = [np.zeros(weights[path].shape) for path in self.paths]
        for start in range(0, len(images), self._batch_size):
            rows = slice(start, start + self._batch_size)
            batch = (
                (images[rows], self._float_type),
                (targets[rows], np.int32),
                # Rows that pad the last batch weigh nothing.
                (shares[rows], self._float_type),
            )
            padded = [
                tf.convert_to_tensor(pad_rows(each, self._batch_size, dtype))
                for each, dtype in batch
            ]
            for total, gradient in zip(sums, self._run(tensors, *padded), strict=True):
                total += gradient.numpy()
        return dict(zip(self.paths, sums, strict=True))
