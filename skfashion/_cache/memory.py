"""The parameter `memory`: the store it names, a report on that store, and how to clear it."""

from os import PathLike

from joblib import Memory
from joblib.disk import memstr_to_bytes

from .._home_folder import expand_home
from .store import Store

_COUNTS = (
    "pretrainings_found",
    "pretrainings_computed",
    "rows_found",
    "rows_computed",
    "epochs_found",
)


def open_store(memory, memory_limit: int | str | None = None) -> Store | None:
    """Return the store that the parameters of an estimator name, or `None` for none.

    Parameters
    ----------
    memory : str, path-like, joblib.Memory or None
        The parameter of an estimator.
    memory_limit : int, str or None
        The parameter of an estimator.

    Raises
    ------
    ValueError
        If the limit is not a number of bytes, or `memory` is a file or not accessible.
    """
    location = memory if isinstance(memory, str | PathLike) else getattr(memory, "location", None)
    if location is None:
        return None
    try:
        is_file = expand_home(location).is_file()
    except OSError as error:
        raise ValueError(
            f"memory={str(location)!r} is not accessible: {error}. Give a folder that you may "
            "access."
        ) from error
    if is_file:
        raise ValueError(f"memory={str(location)!r} is a file. Give a folder, or None.")
    return Store(location, _parse_limit(memory_limit))


def _parse_limit(limit):
    """Return a number of bytes that may be given as a str."""
    if not isinstance(limit, str):
        return limit
    try:
        n_bytes = memstr_to_bytes(limit)
    except (ValueError, IndexError, OverflowError):
        n_bytes = 0
    if n_bytes < 1:
        raise ValueError(
            f"memory_limit={limit!r} is not a number of bytes above 0. Give an int, or a str such "
            'as "500M" or "20G".'
        )
    return n_bytes


def _require_store(memory):
    store = open_store(memory)
    if store is None:
        raise ValueError(f"memory={memory!r} names no folder. Give the one that estimators use.")
    return store


def memory_report(memory: str | PathLike | Memory) -> dict[str, float]:
    """Report the content and the use of a folder of the estimators' `memory`.

    Parameters
    ----------
    memory : str, path-like or joblib.Memory
        The folder.

    Returns
    -------
    dict of str to number
        "bytes" is the size of the files. The other numbers are sums over all processes, since the
        start of the folder's log. "pretrainings_found" and "pretrainings_computed" count
        pretrainings. "rows_found" counts images whose features were read from the folder, and
        "rows_computed" those whose features were computed, by either estimator. Features that are
        computed as quickly as they are read do not count. "epochs_found" counts epochs of both
        tasks that were restored instead of trained. "seconds_saved" is the time that their training
        took.

    Raises
    ------
    ValueError
        If `memory` is `None`, a `joblib.Memory` without a location, or a path that is no folder or
        not accessible. For a folder that does not exist all numbers are 0.

    Examples
    --------
    >>> import tempfile
    >>> import skfashion
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for learning_rate in (0.001, 0.002):
    ...         clf = skfashion.TransferClassifier(
    ...             pretrain_classes=[5, 6, 7, 8, 9], pretrain_epochs=1, epochs=1,
    ...             learning_rate=learning_rate, random_state=0, memory=folder,
    ...         ).fit(X[:200], y[:200])
    ...     report = skfashion.memory_report(folder)
    >>> report["pretrainings_computed"], report["pretrainings_found"]
    (1, 1)
    """
    store = _require_store(memory)
    totals = store.usage_totals()
    return {
        "bytes": store.n_bytes,
        **{name: totals[name] for name in _COUNTS},
        "seconds_saved": float(totals["seconds_saved"]),
    }


def clear_memory(memory: str | PathLike | Memory) -> None:
    """Remove the files of the estimators' `memory` and `checkpoint` from a folder, and no others.

    They are in numbered folders in the sub-folder `skfashion`, which may be a link. Files that a
    running fit adds meanwhile may stay.

    Parameters
    ----------
    memory : str, path-like or joblib.Memory
        The folder.

    Raises
    ------
    ValueError
        If `memory` is `None`, a `joblib.Memory` without a location, or a path that is no folder or
        not accessible. A folder that does not exist is no error.
    OSError
        If a file cannot be removed.

    Examples
    --------
    >>> import skfashion
    >>> skfashion.clear_memory("a-folder-that-need-not-exist")
    """
    _require_store(memory).clear()
