"""Paths that users give, which may begin with their home folder."""

import os
from os.path import expanduser
from pathlib import Path


def expand_home(path: str | os.PathLike) -> Path:
    """Return a path with the home folder in place of ``~`` or ``~user``.

    The name of a file may begin with ``~`` without that meaning. `Path.expanduser` is an error if
    there is no such user.
    """
    return Path(expanduser(path))  # noqa: PTH111
