"""The interface of every replacement of an array of images or features."""

from typing import Any, Protocol

import numpy as np


class ArraySource(Protocol):
    """Rows that are read by index: an array, or an object that reads or computes them on demand.

    `numpy.ndarray` and `numpy.memmap` keep this interface, as do `RowSubset` and `LazyImages`.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole array; the number of rows is first."""

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def __getitem__(self, indices: Any, /) -> np.ndarray:
        """Return the rows at a slice or an array of indices."""
