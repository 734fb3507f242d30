"""Random draws of few images of each class."""

import numpy as np


def draw_rows(y, n_of_each, seed, classes=None):
    """Return the rows of a draw; a smaller draw is the beginning of a larger one, class by class.

    `classes` are the labels to draw from, by default all.
    """
    rng = np.random.default_rng(seed)
    labels = np.unique(y) if classes is None else classes
    return np.concatenate(
        [rng.permutation(np.flatnonzero(y == each))[:n_of_each] for each in labels]
    )
