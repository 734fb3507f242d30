"""Make the bundled sample from the full data set: ``python -m skfashion.datasets._make_sample``.

The sample holds the first 500 training and the first 100 test images of each class, in the order
of the data set.
"""

from pathlib import Path

import numpy as np

from ._fashion_mnist import fetch_fashion_mnist

SAMPLE = Path(__file__).parent / "data" / "fashion_sample.npz"
PER_CLASS = {"train": 500, "test": 100}


def first_of_each_class(labels: np.ndarray, n: int) -> np.ndarray:
    """Return the sorted indices of the first `n` rows of each class."""
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[:n] for c in np.unique(labels)]))


def make_sample() -> dict[str, np.ndarray]:
    """Return the arrays of the sample, by name."""
    arrays = {}
    for subset, n in PER_CLASS.items():
        images, labels = fetch_fashion_mnist(subset, return_X_y=True)
        rows = first_of_each_class(labels, n)
        arrays[f"{subset}_images"] = images[rows]
        arrays[f"{subset}_labels"] = labels[rows].astype(np.uint8)
    return arrays


if __name__ == "__main__":
    arrays = make_sample()
    np.savez_compressed(SAMPLE, allow_pickle=False, **arrays)
    print(f"{SAMPLE}: {SAMPLE.stat().st_size:,} bytes")
