"""Files that appear when they are complete: an interrupted write leaves the old file, or none."""

import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from ._home_folder import expand_home

UNFINISHED = ".unfinished"
# A folder that vanishes more often than this while a file is created is an error.
_MOST_REMOVALS = 10


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
        If the path is a device, a named pipe or a socket.
    PermissionError
        If files cannot be written to the folder.
    """
    # A link is followed; otherwise it would be replaced.
    path = expand_home(path).resolve()
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
    unfinished = path.with_name(f"{uuid4().hex}{UNFINISHED}")
    try:
        with _create(unfinished) as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _create(path: Path):
    """Create a file, and its folder, which other processes may remove as long as it is empty."""
    for _ in range(_MOST_REMOVALS):
        with suppress(FileNotFoundError, FileExistsError):
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("wb")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")


def _copy_mode(old: Path, new: str) -> None:
    """Give a file without content the permissions of the one that it replaces, if there is one."""
    # Some file systems have no permissions. Windows cannot rename a file that is read-only.
    if os.name == "posix":
        with suppress(OSError):
            shutil.copymode(old, new)


def write_file(path: Path, content: bytes | bytearray) -> None:
    """Write a user's file, as `write_files`."""
    write_files({path: content})


def write_files(contents: Mapping[Path, bytes | bytearray]) -> None:
    """Write a user's files. All are on the disk before the first of them gets its name, in order.

    A write that fails before that leaves the old files, or none. A new file has the permissions of
    the file that it replaces.

    Raises
    ------
    OSError
        If one cannot be written; the message names the file and its size.
    """
    blocks = {}
    try:
        with ExitStack() as unfinished:
            for path, content in contents.items():
                blocks[path] = unfinished.enter_context(ExitStack())
                file = blocks[path].enter_context(open_to_write(path))
                _copy_mode(path, file.name)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            for path in contents:
                blocks[path].close()
    except OSError as error:
        # `path` is the file of the loop that failed.
        raise OSError(
            error.errno,
            f"path={str(path)!r} could not be written: {error.strerror}. The file takes "
            f"{len(contents[path]):,} bytes. Free disk space, or give another folder",
        ) from error
