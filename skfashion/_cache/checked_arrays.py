"""Files of arrays with a CRC-32, which is verified before anything in a file is interpreted."""

from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import numpy as np
import safetensors.numpy

_CHECKSUM_BYTES = 4


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
    # safetensors writes the raw memory of an array.
    content = safetensors.numpy.save(
        {name: np.asarray(array, order="C") for name, array in arrays.items()}
    )
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
        return safetensors.numpy.load(content)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} was not written by this library: {error}") from error


def _checksum(content, context) -> bytes:
    return crc32(content, crc32(context.encode())).to_bytes(_CHECKSUM_BYTES, "little")
