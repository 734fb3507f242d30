"""Leases: of processes that miss the same thing, one computes it, and the others wait for it.

A lease is a lock of the operating system on a file, so it ends with the process that holds it.
Leases save work and change no result: without one, a process computes the same bits itself.

The number of lock files is bounded, so keys may share one. They are never removed one by one: a
file that is removed while it is locked can be locked once more under its name. Locks are taken in
the order of the names of their files, and a thread that holds locks takes only later ones. So
threads cannot deadlock.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from pathlib import Path

from .._messages import warn_user

# Kinds of leases, in the order of names: a phase holds its lease while it computes features.
PHASE, ROWS = "phase", "rows"
# Most lock files of each kind, and of each part of a kind. A phase holds its lease while it trains,
# so phases that share a lock file would wait for long.
N_LOCKS = {PHASE: 4096, ROWS: 64}
# The holder of a lease shows this often, in seconds, that its process runs, for at most a day.
RENEW_AFTER, RENEW_FOR = 10.0, 86_400.0
# A holder that has not shown it for this long is stopped or hangs, and is not waited for.
MOST_SILENCE = 120.0
# Seconds between two attempts to lock a file.
_POLL_AFTER = 0.05

logger = logging.getLogger("skfashion")


class _Held(threading.local):
    """The name of the last lock file that a thread holds; "" for none."""

    name = ""


_held = _Held()
# The last renewal of each lock file that this process found locked, and since when this process has
# seen no later one. It stays, so that a holder that is stopped costs a process one wait only.
_last_renewals: dict[Path, tuple[int, float]] = {}


@contextmanager
def hold_lease(
    folder: Path, kind: str, key: str, parts: Iterable[int] = (0,), wait: bool = True
) -> Iterator[bool]:
    """Hold a lease during a block, if it can be had.

    A process waits once for holders that are stopped, and then not until they run again. It does
    not wait in a folder that it cannot write to or in which files cannot be locked. It computes
    without a lease then. So does a thread that holds the lease of a later lock file.

    Parameters
    ----------
    folder : Path
        The folder of lock files.
    kind : {"phase", "rows"}
        Kind of the result.
    key : str
        Hash of the result, in hexadecimal digits.
    parts : iterable of int, default=(0,)
        The parts of the key's result that are computed.
    wait : bool, default=True
        Whether to wait for another holder.

    Yields
    ------
    bool
        Whether to compute now: false only without `wait`, if another process or thread computes
        one of the parts.
    """
    number = int(key, 16) % N_LOCKS[kind]
    paths = [folder / f"{kind}-{number:04}-{part}.lock" for part in sorted(parts)]
    before = _held.name
    if paths[0].name <= before:
        yield True
        return
    with ExitStack() as stack:
        locked: list[Path] = []
        stack.enter_context(_renewal(locked))
        is_free = all(_lock(path, paths, kind, wait, stack, locked) for path in paths)
        stack.callback(setattr, _held, "name", before)
        _held.name = paths[-1].name if is_free else before
        yield is_free


def _lock(
    path: Path, paths: list[Path], kind: str, wait: bool, stack: ExitStack, locked: list[Path]
) -> bool:
    """Lock a file until the stack ends; return false if another holds it and `wait` is false.

    The file is one of the `paths` of a lease.
    """
    # Its import takes a twentieth of that of scikit-learn, and most processes hold no lease.
    from filelock import lock_descriptor, unlock_descriptor

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A file object closes when it is lost, and a lock ends with it.
        file = stack.enter_context(path.open("ab"))
    except OSError:  # the result cannot be stored either
        return True
    number = file.fileno()
    lock = partial(lock_descriptor, number, blocking=False)
    try:
        if not lock():
            # One process may hold several of the files. If it is stopped, all are silent from now.
            for each in paths:
                with suppress(OSError):
                    _measure_silence(each, each.stat())
            if not wait:
                return False
            if not _wait(lock, path, number, kind):
                return True
    except (OSError, NotImplementedError) as error:
        _warn_that_nothing_locks(path.parent, f"{type(error).__name__}: {error}")
        return True

    def unlock():
        with suppress(OSError):
            unlock_descriptor(number)

    # A forked child also has the file open, so closing it does not unlock it.
    stack.callback(unlock)
    locked.append(path)
    # Others may remember the file from an earlier holder.
    _renew(path)
    return True


def _renew(path: Path) -> None:
    with suppress(OSError):
        os.utime(path)


def _measure_silence(path: Path, status: os.stat_result) -> float:
    """Return for how many seconds this process has seen no renewal of a lock file."""
    now, renewal = time.monotonic(), status.st_mtime_ns
    # Clocks of machines differ, so times of files are compared with each other only.
    last_renewal, heard_at = _last_renewals.get(path, (None, now))
    if renewal != last_renewal:
        heard_at = now
        _last_renewals[path] = renewal, heard_at
    return now - heard_at


def _is_silent(path: Path, number: int) -> bool:
    """Return whether the holder of an open lock file is stopped or hangs."""
    return _measure_silence(path, os.fstat(number)) > MOST_SILENCE


def _wait(lock: Callable[[], bool], path: Path, number: int, kind: str) -> bool:
    """Wait until a file can be locked; return false if its holder is silent for too long."""
    # A holder that locked the file just now renews it first.
    time.sleep(_POLL_AFTER)
    if _is_silent(path, number):
        return lock()
    what = {PHASE: "the same training", ROWS: "the same features"}[kind]
    logger.info(
        "waiting for another process that computes %s, or others with the same lock: %s is locked",
        what,
        path,
    )
    while not lock():
        if _is_silent(path, number):
            logger.info("no longer waiting: the other process was inactive for %g s", MOST_SILENCE)
            return False
        time.sleep(_POLL_AFTER)
    return True


@contextmanager
def _renewal(locked: list[Path]) -> Iterator[None]:
    """Show during a block, by the times of lock files, that the process runs.

    The list of files may grow in between.
    """
    is_over = threading.Event()

    def renew():
        for _ in range(int(RENEW_FOR / RENEW_AFTER)):
            if is_over.wait(RENEW_AFTER):
                return
            for path in tuple(locked):
                _renew(path)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@cache
def _warn_that_nothing_locks(folder: Path, error: str) -> None:
    """Warn once a process and folder."""
    warn_user(
        f"memory={str(folder.parents[2])!r} is on a file system that cannot lock files ({error}). "
        "Processes that miss the same entry at the same time each compute it; results are the "
        "same. To compute it once, give a folder on a file system with locks."
    )
