"""Arrays in memory or in a temporary file, for values that are computed once and read often."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil

from .chunks import count_bytes

# Other processes may also need the disk.
MOST_OF_FREE_DISK = 0.5
# TensorFlow takes memory over without a copy only at this alignment, in bytes.
_ALIGNMENT = 64


# Linux's control groups of version 2, which limit containers.
_GROUPS, _GROUP_OF_PROCESS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def free_memory() -> int:
    """Return the bytes of memory that this process may still take.

    That is the free memory of the machine, or what the limits of the process's control group and
    of the groups around it leave.
    """
    return max(0, min([psutil.virtual_memory().available, *_free_in_groups()]))


def _free_in_groups() -> Iterator[int]:
    group = ""
    with suppress(OSError):
        # The line of the second version of control groups is "0::/path".
        lines = _GROUP_OF_PROCESS.read_text().splitlines()
        group = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    inner = _GROUPS / group
    for folder in (inner, *inner.parents):
        if folder.is_relative_to(_GROUPS):
            with suppress(OSError, ValueError):  # no such file, or "max"
                limit, used = (
                    int((folder / name).read_text()) for name in ("memory.max", "memory.current")
                )
                yield limit - used + _file_cache(folder)


def _file_cache(group: Path) -> int:
    """Return the bytes of a group's memory that the system frees when others need it."""
    statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return int(statistics["inactive_file"])


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
