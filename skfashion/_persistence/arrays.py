"""Arrays: floating-point numbers as arrays of the file, labels and names as JSON."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

_FLOATS = tuple(map(np.dtype, ("float16", "float32", "float64")))
# Truth values, numbers of up to 64 bits, strings and objects.
_JSON_TYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|U\d{1,6}|O)")
_MOST_BYTES = 2**27


def is_stored_apart(array: np.ndarray) -> bool:
    """Whether an array is one of the arrays of the file; if not, it is a part of its JSON."""
    return array.dtype in _FLOATS and array.dtype.isnative


@dataclass
class JsonArrays:
    """The arrays in the JSON of one file. The memory that all of them need is bounded.

    Parameters
    ----------
    n_bytes : int, default=0
        Memory of the arrays so far.
    """

    n_bytes: int = 0

    def encode(self, array: np.ndarray, encode: Callable[[Any], Any]) -> list:
        """Return the type, the shape and the values of an array, for JSON.

        Raises
        ------
        ValueError
            If there is no way back from JSON to this type, or the arrays need too much memory.
        """
        dtype, shape = array.dtype.str, list(array.shape)
        self._check(dtype, shape)
        return [dtype, shape, [encode(value) for value in array.ravel().tolist()]]

    def decode(self, coded: Any, decode: Callable[[Any], Any]) -> np.ndarray:
        """Return an array from its type, shape and values.

        Raises
        ------
        ValueError
            If they contradict each other, or the arrays need too much memory.
        """
        dtype, shape, values = coded
        self._check(dtype, shape)
        if len(values) != prod(shape):
            raise ValueError(f"an array of shape {shape} has {len(values)} values")
        array = np.empty(len(values), dtype)
        for index, value in enumerate(values):
            array[index] = decode(value)
        return array.reshape(shape)

    def _check(self, dtype: str, shape) -> None:
        """Check that the type is one of those in files, and the memory of all arrays."""
        if not _JSON_TYPE.fullmatch(dtype):
            raise ValueError(f"arrays of type {dtype!r} cannot be saved")
        if not all(type(side) is int and side >= 0 for side in shape):
            raise ValueError(f"{shape} is not a shape of an array")
        # Types of text are wide even if all values are short.
        self.n_bytes += prod(shape) * np.dtype(dtype).itemsize
        if self.n_bytes > _MOST_BYTES:
            raise ValueError(
                f"an array of {dtype!r} and shape {shape} is too large for JSON, in which all "
                f"arrays together take at most {_MOST_BYTES / 1e6:.0f} MB"
            )
