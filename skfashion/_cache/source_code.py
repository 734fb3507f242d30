"""The library's modules, as they were when Python imported the library."""

from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from .._messages import warn_user
from .hashing import digest

_PACKAGE = Path(__file__).parent.parent


def hash_code(package: Path) -> str:
    """Return a hash of all modules of a package, sub-packages included.

    The version number is no substitute: it may stay while modules change.
    """
    modules = _find_modules(package)
    return digest(
        *(part for path in modules for part in (path.relative_to(package), path.read_bytes()))
    )


def hash_running_code() -> str:
    """Return a hash of the modules that this process runs.

    After an upgrade the files hold other code. The hash is random then, so that the process shares
    no results.
    """
    with suppress(FileNotFoundError):  # an upgrade may remove modules now
        code = hash_code(_PACKAGE)
        if stat_modules(_PACKAGE) == _AT_IMPORT:
            return code
    warn_user(
        "The files of skfashion changed after Python imported it, so memory and checkpoint find no "
        "results of other processes. Restart Python to use the changed files."
    )
    return uuid4().hex


def stat_modules(package: Path) -> list[tuple[Path, int, int]]:
    """Return the path, the size and the time of the last change of each module of a package."""
    modules = ((path, path.stat()) for path in _find_modules(package))
    return [(path.relative_to(package), file.st_size, file.st_mtime_ns) for path, file in modules]


def _find_modules(package):
    # Editors keep hidden files beside modules, among them links to nowhere.
    return sorted(path for path in package.rglob("*.py") if not path.name.startswith("."))


# Hashes would take longer than the import should.
_AT_IMPORT = stat_modules(_PACKAGE)
