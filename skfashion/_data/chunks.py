"""Byte limits of everything that is read or computed in parts, and the parts themselves.

Modules read the limits as attributes of this module, ``chunks.SCAN_BYTES``, so that one assignment
changes a limit everywhere.
"""

from collections.abc import Callable, Iterable

import numpy as np
from sklearn import get_config
from sklearn.utils import _safe_indexing, gen_batches
from sklearn.utils.validation import _num_samples

from .array_source import ArraySource

# Block size for scans of a whole array, such as minimum and maximum, or hashing.
SCAN_BYTES = 2**26
# Images and features that are in memory at a time on their way through the frozen part.
CHUNK_BYTES = 2**28
# Inputs of training that are not on the device are copied there in windows of this size.
WINDOW_BYTES = 2**26
# Images up to this size are copied to the device as a whole; larger sets in windows.
MOST_RESIDENT_BYTES = 2**28
# Pixels decoded from files stay in memory up to this size; larger sets are in a temporary file.
MOST_DECODED_BYTES = 2**29
# Size of a file of stored features. Whole files are deleted when the store is full.
FILE_BYTES = 2**26
# Block size for copies from a file of stored features. It fits into a processor's cache.
BLOCK_BYTES = 2**20


def chunk_rows(
    n_rows: int, row_bytes: int, most_bytes: int, batch_size: int = 1
) -> Iterable[slice]:
    """Return slices over rows, in order, each of a bounded size.

    Parameters
    ----------
    n_rows : int
        Number of rows. Zero rows give no slice.
    row_bytes : int
        Size of a row in bytes.
    most_bytes : int
        Largest size of a slice in bytes. A single batch may exceed it.
    batch_size : int, default=1
        Every slice but the last is a multiple of this number of rows.

    Examples
    --------
    >>> from skfashion._data.chunks import chunk_rows
    >>> list(chunk_rows(10, row_bytes=8, most_bytes=40, batch_size=2))
    [slice(0, 4, None), slice(4, 8, None), slice(8, 10, None)]
    """
    if not n_rows:  # gen_batches rejects zero rows
        return ()
    n_batches = max(1, most_bytes // max(1, batch_size * row_bytes))
    return gen_batches(n_rows, n_batches * batch_size)


def scan_chunks(array: ArraySource) -> Iterable[slice]:
    """Return slices over the rows of an array, each of at most `SCAN_BYTES`."""
    return chunk_rows(len(array), bytes_of_row(array), SCAN_BYTES)


def chunks_in_working_memory(indices: np.ndarray, row_bytes: int) -> list[np.ndarray]:
    """Split row indices into parts whose rows fit into scikit-learn's `working_memory`."""
    most_bytes = int(get_config()["working_memory"] * 2**20)
    return [indices[part] for part in chunk_rows(len(indices), row_bytes, most_bytes)]


def predict_in_chunks(predict: Callable, X, rows: np.ndarray) -> np.ndarray:
    """Return predictions for rows of `X`, which are read in chunks of `working_memory`.

    Parameters
    ----------
    predict : callable
        ``predict(X) -> ndarray of shape (n,)``.
    X : array-like of shape (n, ...)
        Input of the function.
    rows : ndarray of int of shape (n_rows,)
        Indices of at least one row.

    Returns
    -------
    ndarray of shape (n_rows,)
        Predictions.
    """
    parts = chunks_in_working_memory(rows, _size_of_rows(X) // _num_samples(X))
    return np.concatenate([predict(_safe_indexing(X, part)) for part in parts])


def _size_of_rows(X) -> int:
    """Return the size in bytes of all rows, 8 a number for frames; 0 for lists."""
    n_bytes = getattr(X, "nbytes", None)
    return count_bytes(getattr(X, "shape", (0,)), np.float64) if n_bytes is None else n_bytes


def bytes_of_row(array: ArraySource) -> int:
    """Return the size of a row of an array in bytes."""
    return count_bytes(array.shape[1:], array.dtype)


def count_bytes(shape: tuple[int, ...], dtype) -> int:
    """Return the size in bytes of an array of this shape and type."""
    return int(np.prod(shape)) * np.dtype(dtype).itemsize
