"""Losses of a batch, and the sums that an epoch's means are computed from."""

import numpy as np

from .._keras.tensorflow import tf

# The sums of weights, of weighted losses, and of the weights of correct rows.
TOTALS = tf.TensorSpec([3], tf.float64)


def score(logits, targets, weights):
    """Return the mean weighted loss of a batch, and its totals.

    Parameters
    ----------
    logits : tf.Tensor of shape (n, n_classes)
        Outputs of the network.
    targets : tf.Tensor of shape (n,)
        Encoded labels.
    weights : tf.Tensor of shape (n,)
        Sample weights.
    """
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    hits = tf.argmax(logits, axis=-1, output_type=tf.int32) == targets
    columns = [weights, weights * losses, weights * tf.cast(hits, weights.dtype)]
    return tf.reduce_mean(losses * weights), _sum_each(columns)


def score_soft(logits, labels, smoothing):
    """Return the mean loss of a batch with soft labels, and its totals.

    A row of `labels` sums to the row's weight, and counts as correct by the part that the predicted
    class has. The totals' loss is the one that is trained on, with smoothing.

    Parameters
    ----------
    logits : tf.Tensor of shape (n, n_classes)
        Outputs of the network.
    labels : tf.Tensor of shape (n, n_classes)
        Weighted labels.
    smoothing : tf.Tensor
        Share of each label that is spread evenly over all classes.
    """
    smoothing = tf.cast(smoothing, labels.dtype)
    weights = tf.reduce_sum(labels, axis=-1)
    even = weights[:, None] / tf.cast(tf.shape(labels)[-1], labels.dtype)
    smoothed = (1 - smoothing) * labels + smoothing * even
    # The gradient of TensorFlow's softmax_cross_entropy_with_logits takes rows to sum to 1.
    losses = -tf.reduce_sum(smoothed * tf.nn.log_softmax(logits), axis=-1)
    hits = tf.gather(labels, tf.argmax(logits, axis=-1), batch_dims=1)
    return tf.reduce_mean(losses), _sum_each([weights, losses, hits])


def to_soft_labels(targets, weights, n_classes):
    """Return weighted labels of shape (n, n_classes) for encoded labels and sample weights."""
    return tf.one_hot(targets, n_classes, dtype=weights.dtype) * weights[:, None]


def to_means(totals) -> tuple[float, float]:
    """Return the weighted mean loss and accuracy."""
    weight, loss, hits = np.asarray(totals)
    return float(loss / weight), float(hits / weight)


def _sum_each(columns):
    return tf.stack([tf.reduce_sum(tf.cast(column, tf.float64)) for column in columns])
