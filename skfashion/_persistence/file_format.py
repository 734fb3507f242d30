"""The file format: arrays and a JSON document, with a checksum over all of it.

A file is a safetensors file whose metadata holds the document as JSON, and the checksum. This is
simpler than an archive of a document and a file of weights. There is one header to check, without
compressed parts or names of files. One library parses all of it, and other programs can read the
weights. safetensors checks that the arrays fill the file exactly.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from .._array_bytes import encode_arrays
from .._atomic_files import write_file

FORMAT = 1
# The document and the table of arrays are parsed as a whole, so their size is bounded. The limit
# allows tens of thousands of epochs, and the largest document takes a second.
MOST_HEADER_BYTES = 2**22
_LENGTH_BYTES = 8
_BLANK = "0" * hashlib.sha256().digest_size * 2
_CHUNK = 2**20
_NOT_SAVED = "skfashion.save did not write it, or it is not complete"


def write_document(path: Path, document: dict, arrays: dict[str, np.ndarray]) -> None:
    """Write a file. An interrupted write leaves the old file, or none.

    Raises
    ------
    ValueError
        If the document is too large to be read again.
    """
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    metadata = {"document": text, "checksum": _BLANK}
    content = bytearray(encode_arrays(arrays, metadata))
    n_header = int.from_bytes(content[:_LENGTH_BYTES], "little")
    if n_header > MOST_HEADER_BYTES:
        raise ValueError(
            f"Everything except the weights takes {n_header / 1e6:.1f} MB as JSON, and a file "
            f"holds at most {MOST_HEADER_BYTES / 1e6:.1f} MB of it. Shorten the histories, lists "
            "or names."
        )
    # The checksum covers every byte of the file, with zeros in place of the checksum itself.
    begin = content.index(_checksum_entry(_BLANK)) + len(_checksum_entry("")) - 1
    content[begin : begin + len(_BLANK)] = hashlib.sha256(content).hexdigest().encode()
    write_file(path, content)


def read_document(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the document and the arrays of a file.

    The size of each part is checked before it is read, and the checksum before any array.

    Raises
    ------
    ValueError
        If the file was not written by `write_document`, or was damaged since.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        header = _read_header(file, status.st_size)
        metadata = _read_metadata(header)
        if _compute_checksum(file, header, metadata["checksum"]) != metadata["checksum"]:
            raise ValueError("its checksum does not match, so the file is damaged")
        try:
            arrays = safetensors.numpy.load_file(path)
        except SafetensorError as error:
            raise ValueError(f"its arrays cannot be read: {error}") from None
        # If another process has saved to this path in between, the arrays are of another estimator.
        if not os.path.samestat(status, path.stat()):
            raise ValueError("another process replaced it during this call; repeat the call")
    return _parse(metadata["document"]), arrays


def _read_header(file: BinaryIO, n_bytes: int) -> bytes:
    """Return the header with its length, after a check of that length."""
    length = file.read(_LENGTH_BYTES)
    n_header = int.from_bytes(length, "little")
    if n_header > min(n_bytes, MOST_HEADER_BYTES):
        raise ValueError(_NOT_SAVED)
    return length + file.read(n_header)


def _read_metadata(header: bytes) -> dict[str, str]:
    """Return the document and the checksum, as text."""
    table = _parse(header[_LENGTH_BYTES:])
    metadata = table.get("__metadata__") if isinstance(table, dict) else None
    if not isinstance(metadata, dict):
        raise ValueError(_NOT_SAVED)
    if not all(isinstance(metadata.get(name), str) for name in ("document", "checksum")):
        raise ValueError(_NOT_SAVED)
    return metadata


def _parse(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(_NOT_SAVED) from None


def _compute_checksum(file: BinaryIO, header: bytes, checksum: Any) -> str:
    """Return the checksum of a file that is read up to the end of its header."""
    state = hashlib.sha256(header.replace(_checksum_entry(checksum), _checksum_entry(_BLANK), 1))
    while chunk := file.read(_CHUNK):
        state.update(chunk)
    return state.hexdigest()


def _checksum_entry(checksum: str) -> bytes:
    """Return the entry of the header. Quotes inside strings are escaped, so it is unique."""
    return f'"checksum":"{checksum}"'.encode()
