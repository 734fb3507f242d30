"""Paths that users give, which may begin with their home folder."""

import os
from pathlib import Path


def expand_home(path: str | os.PathLike) -> Path:
    """Return a path with the home folder in place of ``~`` or ``~user``.

    The name of a file may begin with ``~``: a path stays as it is if there is no such user.

    Raises
    ------
    RuntimeError
        If the path begins with the user's own home folder, and there is none.
    """
    path = Path(path)
    if path.parts[:1] == ("~",):
        return path.expanduser()
    try:
        # Windows does not check whether there is such a user.
        return path if os.name == "nt" else path.expanduser()
    except RuntimeError:
        return path
