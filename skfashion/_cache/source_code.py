"""The library's modules, as they were when Python imported the library."""

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from .._messages import warn_user
from .hashing import digest

PACKAGE = Path(__file__).parent.parent


def hash_code(package: Path) -> str:
    """Return a hash of all modules of a package, sub-packages included.

    The version number is no substitute: it may stay while modules change.
    """
    modules = [Path(path) for path in _find_modules(package)]
    return digest(
        *(part for path in modules for part in (path.relative_to(package), path.read_bytes()))
    )


def stat_modules(package: Path) -> list[tuple[str, int, int]]:
    """Return the path, the size and the time of the last change of each module of a package."""
    # Each key of a store asks for this, and `Path` takes ten times as long.
    modules = ((path, os.stat(path)) for path in _find_modules(package))  # noqa: PTH116
    return [(path, file.st_size, file.st_mtime_ns) for path, file in modules]


def _find_modules(package):
    # Editors keep hidden files beside modules, among them links to nowhere.
    return sorted(
        os.path.join(folder, name)  # noqa: PTH118
        for folder, _, names in os.walk(package)
        for name in names
        if name.endswith(".py") and not name.startswith(".")
    )


class RunningCode:
    """The modules of a package that this process runs.

    Parameters
    ----------
    package : Path
        The folder of the package, as Python imported it now.
    """

    def __init__(self, package: Path):
        self._package = package
        # Hashes would take longer than the import should.
        self._at_import = stat_modules(package)
        self._hash = ""
        self._is_unknown = False

    def hash(self) -> str:
        """Return a hash of the modules.

        Once the files differ from those that were imported, or without files, the code is unknown.
        The hash is random then, so that the process shares no results. A warning tells the user.
        """
        if not self._is_unknown and (reason := self._find_fault()):
            warn_user(reason)
            self._hash, self._is_unknown = uuid4().hex, True
        return self._hash

    def _find_fault(self) -> str | None:
        """Hash the files at the first call; return why they are not the code that runs."""
        nothing_found = "memory and checkpoint find no results of other processes"
        if not self._at_import:
            return (
                f"skfashion is installed without .py files, or in a zip file, so {nothing_found}: "
                "these may be of another version. Install skfashion with its .py files."
            )
        with suppress(FileNotFoundError):  # an upgrade may remove modules now
            self._hash = self._hash or hash_code(self._package)
            if stat_modules(self._package) == self._at_import:
                return None
        return (
            f"The files of skfashion changed after Python imported it, so {nothing_found}. Restart "
            "Python to use the changed files."
        )


RUNNING_CODE = RunningCode(PACKAGE)
