"""Content hashes: the keys under which results are stored and found again."""

import hashlib

import numpy as np

from .._data.array_source import ArraySource
from .._data.chunks import scan_chunks


def digest(*parts) -> str:
    """Return a hash of arrays, and of any other value by its `repr`."""
    state = hashlib.blake2b(digest_size=20)
    for part in parts:
        if isinstance(part, np.ndarray):
            state.update(f"array {part.dtype.str} {part.shape} ".encode())
            state.update(_bytes_of(part))
        else:
            text = repr(part).encode()
            state.update(b"%d " % len(text) + text)
    return state.hexdigest()


def hash_array(array: ArraySource) -> str:
    """Return a hash of an array, read in chunks."""
    state = hashlib.blake2b(f"{array.dtype.str} {array.shape}".encode(), digest_size=20)
    for chunk in scan_chunks(array):
        state.update(_bytes_of(array[chunk]))
    return state.hexdigest()


def hash_rows(array) -> np.ndarray:
    """Return a 128-bit hash of each row of an array, of shape (n, 2).

    The hash covers the type of the numbers: equal bytes of another type are another row.
    """
    of_type = hashlib.blake2b(array.dtype.str.encode(), digest_size=16)

    def hash_row(row):
        state = of_type.copy()
        state.update(row.tobytes())
        return state.digest()

    hashes = b"".join(map(hash_row, array))
    return np.frombuffer(hashes, "<u8").reshape(len(array), 2)


def _bytes_of(array):
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
