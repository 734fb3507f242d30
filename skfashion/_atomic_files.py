"""Files that appear when they are complete: an interrupted write leaves the old file, or none."""

import os
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

UNFINISHED = ".unfinished"


@contextmanager
def open_to_write(path: Path):
    """Open a file to write; it gets its name when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{uuid4().hex}{UNFINISHED}")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_file(path: Path, content: bytes | bytearray) -> None:
    """Write a user's file. A write that fails or is interrupted leaves the old file, or none.

    Raises
    ------
    OSError
        If it cannot be written; the message names the file and its size.
    """
    try:
        with open_to_write(path) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(
            error.errno,
            f"path={str(path)!r} could not be written: {error.strerror}. The file takes "
            f"{len(content):,} bytes. Free disk space, or give another folder",
        ) from error
