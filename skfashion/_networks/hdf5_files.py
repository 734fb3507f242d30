"""HDF5 files of weights: reading them, after a trial in a child process.

The HDF5 library is C code. Damaged files can make it loop for ever or crash, and a loop holds the
interpreter. So a file is first read in a child process with limits on time and memory.

This module is also the script of the child process. It imports nothing of this package, so that
the child starts quickly.
"""

import json
import math
import os
import signal
import subprocess
import sys
from io import BytesIO
from itertools import chain, count, takewhile
from multiprocessing import spawn
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Shapes = frozenset[tuple[int, ...]]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# HDF5 unpacks a whole chunk, for any size of its array.
_MAX_CHUNK_BYTES = 2**26
# Processor time of a trial: a constant, and more for many weights. The library reads more than 50
# million bytes a second, compressed ones included, on a machine with little else to do.
_MIN_SECONDS, _BYTES_PER_SECOND = 0.5, 50e6
# Where the system cannot limit processor time: seconds for the start, and for each of reading.
_SECONDS_OF_START, _SECONDS_PER_SECOND = 60, 10
# Memory of a trial, beyond that of the file and of its largest array.
_MAX_BYTES = 2**28
# Whether the system can limit the processor time of a process. Windows cannot.
_CAN_LIMIT = hasattr(signal, "setitimer")
_STDIN = "-"
_STARTED, _FAILED, _ENDED = "started", "failed", "ended"

# Files that were read already, as `_describe` returns them.
_known: set[tuple] = set()


def read_layout(
    file: h5py.File,
) -> tuple[dict[str, h5py.Dataset], list[tuple[str, list[str]]] | None]:
    """Return the content of an HDF5 file of weights. No array is read yet.

    Parameters
    ----------
    file : h5py.File
        The file.

    Returns
    -------
    arrays : dict of str to h5py.Dataset
        Arrays by path; in a model of Keras 2, those of its weights.
    layers : list of (str, list of str) or None
        With Keras 2's layout, the names of the layers, and those of each layer's weights.

    Raises
    ------
    OSError
        If there are links, arrays of other files, or chunks that are too large.
    """
    arrays = _find_datasets(file)
    group = file.get("model_weights", file)
    layer_names = _read_names(group, "layer_names")
    if layer_names is None:
        return arrays, None
    layers = [(layer, _read_names(group[layer], "weight_names") or []) for layer in layer_names]
    prefix = f"{group.name}/".lstrip("/")
    return {
        path.removeprefix(prefix): array
        for path, array in arrays.items()
        if path.startswith(prefix)
    }, layers


def _find_datasets(file):
    """Return all arrays of a file; reject arrays in other files, which differ by machine."""
    arrays = {}

    def collect(path, node):
        if isinstance(node, h5py.Group):
            _refuse_links(node)
        elif isinstance(node, h5py.Dataset):
            if node.external or node.is_virtual:
                raise OSError(f"{path} is not in the file itself, but in another one")
            if node.chunks and math.prod(node.chunks) * node.dtype.itemsize > _MAX_CHUNK_BYTES:
                raise OSError(f"{path} is stored in chunks of more than {_MAX_CHUNK_BYTES} bytes")
            arrays[path] = node

    _refuse_links(file)
    file.visititems(collect)
    return arrays


def _refuse_links(group):
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            path = f"{group.name}/{name}".lstrip("/")
            raise OSError(f"{path} is not in the file itself, but a link to another place")


def _read_names(group, attribute) -> list[str] | None:
    """Return the names in an attribute, which Keras splits if they are long; `None` without it."""
    parts = [attribute]
    if attribute not in group.attrs:
        numbered = (f"{attribute}{number}" for number in count())
        parts = [*takewhile(group.attrs.__contains__, numbered)]
    names = chain.from_iterable(group.attrs[part] for part in parts)
    return [n.decode() if isinstance(n, bytes) else str(n) for n in names] if parts else None


# -- The trial ---------------------------------------------------------------------------------


def mark_as_readable(path: Path, shapes: Shapes) -> None:
    """Let `check_readable` skip a file that was written here."""
    _known.add(_describe(path, shapes))


def check_readable(path: Path, content: BytesIO | None, shapes: Shapes, n_bytes: int) -> None:
    """Read an HDF5 file in a child process, unless this was done before.

    Parameters
    ----------
    path : Path
        The file.
    content : BytesIO or None
        The HDF5 content that was taken out of the file; `None` if it is the file itself.
    shapes : frozenset of tuple of int
        The shapes of the arrays that will be read.
    n_bytes : int
        The size of these arrays, unpacked. It bounds the time that reading may take.

    Raises
    ------
    OSError
        If it is not HDF5, cannot be read, takes too long, or ends the child process.
    """
    if _read_signature(path, content) != _SIGNATURE:
        raise OSError("it is not an HDF5 file")
    description = _describe(path, shapes)
    # The executable of a frozen application is not Python.
    if description in _known or getattr(sys, "frozen", False):
        return
    started, *report = _run_trial(path, content, shapes, n_bytes).splitlines() or [""]
    # A process that does not start gives no information about the file.
    if started == _STARTED and report[-1:] != [_ENDED]:
        reason = "the HDF5 library crashed, or took too long"
        if report[:1] == [_FAILED]:
            reason = " ".join(report[1:])
        raise OSError(f"{reason}. It is damaged")
    _known.add(description)


def _read_signature(path, content):
    if content is not None:
        return content.getvalue()[: len(_SIGNATURE)]
    with path.open("rb") as file:
        return file.read(len(_SIGNATURE))


def _describe(path, shapes):
    """Return values that change if a file does."""
    status = path.stat()
    return str(path.resolve()), status.st_ino, status.st_size, status.st_mtime_ns, shapes


def _run_trial(path, content, shapes, n_bytes):
    """Return the output of the child process."""
    place = _STDIN if content else str(path)
    arguments = [place, json.dumps(sorted(shapes)), str(n_bytes)]
    file_bytes = len(content.getvalue()) if content else path.stat().st_size
    seconds = _count_seconds(file_bytes, n_bytes)
    try:
        done = subprocess.run(
            [os.fsdecode(spawn.get_executable() or ""), "-P", __file__, *arguments],
            input=content.getvalue() if content else b"",
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=None if _CAN_LIMIT else _SECONDS_OF_START + _SECONDS_PER_SECOND * seconds,
            # One thread: others would take memory, and none is used.
            env={
                **os.environ,
                # Python ignores entries that are no text.
                "PYTHONPATH": os.pathsep.join(
                    entry for entry in sys.path if isinstance(entry, str) and entry
                ),
                "OPENBLAS_NUM_THREADS": "1",
            },
        )
    except subprocess.TimeoutExpired as error:
        return (error.stdout or b"").decode(errors="replace")
    except OSError:
        return ""
    return done.stdout.decode(errors="replace")


def _count_seconds(file_bytes, n_bytes) -> float:
    """Return the processor time that reading may take."""
    return _MIN_SECONDS + max(n_bytes, file_bytes) / _BYTES_PER_SECOND


def _try_to_read(place, shapes, n_bytes) -> None:
    """Read the data that the parent process will read, and report it."""
    content: Any = place
    if place == _STDIN:
        content = BytesIO(sys.stdin.buffer.read())
        file_bytes = len(content.getvalue())
    else:
        file_bytes = Path(place).stat().st_size
    largest = max(map(math.prod, shapes), default=0) * 8
    seconds = _count_seconds(file_bytes, n_bytes)
    _limit_resources(seconds, _MAX_BYTES + file_bytes + 2 * largest)
    print(_STARTED, flush=True)
    try:
        with h5py.File(content) as file:
            arrays, _ = read_layout(file)
            for array in arrays.values():
                if array.shape in shapes:
                    np.asarray(array)
    except Exception as error:  # the errors of the library are of many types
        print(_FAILED, str(error) or type(error).__name__, sep="\n")
    else:
        print(_ENDED)


def _limit_resources(seconds, n_bytes):
    """Let the system end this process beyond a processor time or memory, where it can."""
    if not _CAN_LIMIT:
        return
    import resource

    signal.setitimer(signal.ITIMER_PROF, seconds)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (n_bytes, most))


if __name__ == "__main__":
    _try_to_read(sys.argv[1], set(map(tuple, json.loads(sys.argv[2]))), int(sys.argv[3]))
