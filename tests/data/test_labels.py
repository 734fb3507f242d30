"""Labels of y and of parameters: how they are compared and shown."""

import numpy as np

from skfashion._data.labels import format_labels


def test_long_lists_of_labels_are_cut():
    assert format_labels(np.array(["a", "b"])) == "['a', 'b']"
    assert format_labels(range(31)).endswith("28, 29, ...]")
    assert format_labels(range(30)).endswith("28, 29]")
