"""Images of eight classes, and a classifier of labels that mean something in Markdown."""

import numpy as np
import pytest

HOSTILE = [
    "<script>alert(1)</script>",
    "a | b\n\n# heading\n\n```python",
    "[link](javascript:alert(1)) ![picture](confusion_matrix.png)",
    "`*__x__*`",
    "",
    "accuracy",
    "macro avg",
    "$\\frac{1}{2}$ & &lt; ~~x~~ \u202e日本",
]


@pytest.fixture(scope="session")
def images():
    """Images of 8 x 8 pixels, 6 of each of eight classes, and the numbers of the classes."""
    y = np.arange(48) % 8
    X = np.random.default_rng(0).integers(100, size=(48, 8, 8)) + 20 * y[:, None, None]
    return X.astype(np.uint8), y


@pytest.fixture(scope="session")
def hostile(images, make):
    X, y = images
    labels = np.array(HOSTILE)[y]
    return make(epochs=1).fit(X, labels), X, labels
