"""Files of arrays with a CRC-32, which is verified before anything in a file is interpreted."""

from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import numpy as np
import safetensors.numpy

from .._array_bytes import encode_arrays

_CHECKSUM_BYTES = 4
# Between the name and the type of an array that is written as bytes. It is in no path of a weight.
_AS_BYTES = "//"


def write_arrays(file: BinaryIO, arrays: dict[str, np.ndarray], context: str) -> None:
    """Write arrays in the format of safetensors, after a checksum.

    Parameters
    ----------
    file : file object
        A file that is open to write.
    arrays : dict of str to ndarray
        Arrays of numbers, by name.
    context : str
        Identity of the arrays. It is part of the checksum, so a file under the name of another one
        does not match.
    """
    content = encode_arrays(dict(_to_readable(name, array) for name, array in arrays.items()))
    file.write(_checksum(content, context))
    file.write(content)


def read_arrays(path: Path, context: str) -> dict[str, np.ndarray]:
    """Read the arrays that `write_arrays` wrote to a file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If its content or its context differs from the written one.
    """
    if path.exists() and not path.is_file():  # a pipe would block
        raise ValueError(f"{path} is not a file")
    with path.open("rb") as file:
        checksum, content = file.read(_CHECKSUM_BYTES), file.read()
    if checksum != _checksum(content, context):
        raise ValueError(f"{path} does not match its checksum")
    try:
        loaded = safetensors.numpy.load(content)
        return dict(_from_readable(name, array) for name, array in loaded.items())
    # A type that is not known is a KeyError, or a TypeError.
    except (safetensors.SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"{path} was not written by this library: {error}") from error


def _to_readable(name: str, array: np.ndarray) -> tuple[str, np.ndarray]:
    """Return an array, and its name, so that safetensors can read it.

    It cannot read types that another library adds to NumPy, such as bfloat16.
    """
    if array.dtype.isbuiltin != 2:
        return name, array
    return f"{name}{_AS_BYTES}{array.dtype.name}", array[..., None].view(np.uint8)


def _from_readable(name: str, array: np.ndarray) -> tuple[str, np.ndarray]:
    """Return what `_to_readable` was called with."""
    name, _, dtype = name.partition(_AS_BYTES)
    return (name, array.view(dtype)[..., 0]) if dtype else (name, array)


def _checksum(content, context) -> bytes:
    return crc32(content, crc32(context.encode())).to_bytes(_CHECKSUM_BYTES, "little")
