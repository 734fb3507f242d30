"""Some rows of an array that may be larger than memory."""

import mmap
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils import gen_batches

# What is read only to be looked at is read in parts of so many bytes.
SCAN_BYTES = 2**26


@dataclass(frozen=True)
class RowSubset:
    """Some rows of an array, copied out of it only when they are read.

    Parameters
    ----------
    array : ndarray of shape (n_rows, n_features)
        The array, which may be memory-mapped.
    rows : ndarray of int of shape (n,), default=None
        Which rows; `None` for all.
    """

    array: np.ndarray
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.array if self.rows is None else self.rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and numbers in a row."""
        return len(self), self.array.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers."""
        return self.array.dtype

    def __getitem__(self, places) -> np.ndarray:
        """Return the rows at a slice or an array of places; what was read before may go."""
        if self._file is not None:
            self._file.madvise(mmap.MADV_DONTNEED)
        return self.array[places if self.rows is None else self.rows[places]]

    def take(self, places) -> "RowSubset":
        """Return some of the rows, of which none is read."""
        rows = np.arange(len(self.array)) if self.rows is None else self.rows
        return replace(self, rows=rows[places])

    @cached_property
    def _file(self):
        """The read-only mapped file that the array is in, if the system can let go of its pages.

        They would stay resident until memory is short. In memory that is mapped in another way,
        changes could be lost.
        """
        base: Any = self.array
        modes = set()
        while isinstance(base, np.ndarray):
            modes.add(getattr(base, "mode", None))
            base = base.base
        is_read_only = isinstance(base, mmap.mmap) and modes - {None} == {"r"}
        return base if is_read_only and hasattr(mmap, "MADV_DONTNEED") else None

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """The least and the largest number."""
        parts = (self[part] for part in row_chunks(self))
        least, most = zip(*((part.min(), part.max()) for part in parts), strict=True)
        return float(min(least)), float(max(most))


def row_chunks(array):
    """Return slices that go over an array's rows, of which each takes a bounded memory."""
    return chunk_rows(len(array), max(1, SCAN_BYTES // max(1, bytes_of_row(array))))


def chunk_rows(n_rows, most):
    """Return slices of at most so many rows; of no rows, none."""
    return gen_batches(n_rows, most) if n_rows else ()


def chunks_in_working_memory(rows, row_bytes) -> list:
    """Take row numbers apart, so that rows of a part take scikit-learn's `working_memory`."""
    most = int(get_config()["working_memory"] * 2**20) // max(1, row_bytes)
    return [rows[part] for part in chunk_rows(len(rows), max(1, most))]


def bytes_of_row(array) -> int:
    """Return the bytes that a row of an array takes, or of what has its shape and type."""
    return int(np.prod(array.shape[1:])) * array.dtype.itemsize
