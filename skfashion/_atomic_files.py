"""Files that appear when they are complete: an interrupted write leaves the old file, or none."""

import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

UNFINISHED = ".unfinished"


def resolve_output(path: str | os.PathLike, parameter: str = "path") -> Path:
    """Return the absolute path of a user's file to write, after a check of its folder.

    `parameter` is the name of the argument or option that has the path, for messages.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    IsADirectoryError
        If the path is a folder.
    OSError
        If the path is a device, a named pipe or another file that holds no bytes.
    PermissionError
        If files cannot be written to the folder.
    """
    # A link is followed; otherwise it would be replaced.
    path = Path(path).expanduser().resolve()
    folder, given = path.parent, f"{parameter}={str(path)!r}"
    if not folder.is_dir():
        raise FileNotFoundError(f"{given}: there is no folder {str(folder)!r}. Make it first.")
    if path.is_dir():
        raise IsADirectoryError(f"{given} is a folder. Name a file in it.")
    if path.exists() and not path.is_file():
        raise OSError(
            f"{given} must be a regular file or a new one, got a device, a named pipe or a socket, "
            "which would be replaced by a file. Name another file."
        )
    if not os.access(folder, os.W_OK):
        raise PermissionError(
            f"{given}: the folder {str(folder)!r} is not writable. Name a file in another folder."
        )
    return path


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


@contextmanager
def open_output(path: Path):
    """Open a user's file to write, as `open_to_write` does. It keeps the mode of the old file."""
    with open_to_write(path) as file:
        # A private file is private before it has content.
        copy_mode(path, Path(file.name))
        yield file


def copy_mode(old: Path, new: Path) -> None:
    """Give a new file the permissions of the old one that it replaces, if there is one."""
    with suppress(OSError):  # from file systems without permissions
        shutil.copymode(old, new)


def write_file(path: Path, content: bytes | bytearray) -> None:
    """Write a user's file. A write that fails or is interrupted leaves the old file, or none.

    A new file has the mode of the file that it replaces.

    Raises
    ------
    OSError
        If it cannot be written; the message names the file and its size.
    """
    try:
        with open_output(path) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(
            error.errno,
            f"path={str(path)!r} could not be written: {error.strerror}. The file takes "
            f"{len(content):,} bytes. Free disk space, or give another folder",
        ) from error
