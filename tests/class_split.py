"""The class split that most tests train on, and how its images are picked."""

import numpy as np

GTE5 = [5, 6, 7, 8, 9]
"""The classes of the source task."""

LT5 = [0, 1, 2, 3, 4]
"""The classes of the target task."""


def first_of_each(X, y, n):
    """Return the first `n` images of each class, in the order of `X`."""
    indices = np.sort(np.concatenate([np.flatnonzero(y == label)[:n] for label in np.unique(y)]))
    return X[indices], y[indices]


def halve(images):
    """Return images of half the sides: 14 x 14 pixels cost a quarter of the time of 28 x 28."""
    return np.ascontiguousarray(images[:, ::2, ::2])
