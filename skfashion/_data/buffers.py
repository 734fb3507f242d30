"""Arrays in memory or in a temporary file, for values that are computed once and read often."""

import os
import shutil
import tempfile

import numpy as np

from .chunks import count_bytes

# Other processes may also need the disk.
MOST_OF_FREE_DISK = 0.5
# TensorFlow takes memory over without a copy only at this alignment, in bytes.
_ALIGNMENT = 64


def free_disk() -> int:
    """Return the free bytes of the disk with temporary files; 0 if unknown."""
    try:
        return shutil.disk_usage(tempfile.gettempdir()).free
    except OSError:
        return 0


def fits_on_disk(n_bytes: int) -> bool:
    """Return whether a temporary file of this size leaves enough of the disk free."""
    return n_bytes <= MOST_OF_FREE_DISK * free_disk()


def memory_buffer(shape: tuple[int, ...], dtype) -> np.ndarray:
    """Return an empty array that TensorFlow can take over without a copy."""
    n_bytes = count_bytes(shape, dtype)
    buffer = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    begin = -buffer.ctypes.data % _ALIGNMENT
    return buffer[begin : begin + n_bytes].view(dtype).reshape(shape)


def file_buffer(shape: tuple[int, ...], dtype) -> np.memmap:
    """Return an empty array in a file without a name, which is removed with the array.

    Raises
    ------
    OSError
        If the disk is too small.
    """
    with tempfile.TemporaryFile(prefix="skfashion-") as file:
        # A full disk ends the process that writes into a sparse file.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, count_bytes(shape, dtype))
        return np.memmap(file, dtype=dtype, shape=shape)
