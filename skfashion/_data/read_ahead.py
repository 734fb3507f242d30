"""Reading the next part of slow data while the one before is used."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from threading import Event
from typing import Any, TypeVar

T = TypeVar("T")

_END: Any = object()
# Set in threads that read ahead.
_STOP: ContextVar[Event | None] = ContextVar("_STOP", default=None)


def read_ahead(parts: Iterator[T], source: object) -> Generator[T]:
    """Yield the items of an iterator, while another thread gets the next one.

    The thread ends with the iteration. Close the iterator if an error may end the loop: the
    traceback would keep it, and so the thread.

    Parameters
    ----------
    parts : iterator
        The items.
    source : object
        Source of the items. If its attribute `is_slow` is missing or false, no thread starts.
    """
    if not getattr(source, "is_slow", False):
        yield from parts
        return
    stop = Event()
    with ThreadPoolExecutor(1, initializer=_STOP.set, initargs=(stop,)) as pool:
        try:
            following = pool.submit(next, parts, _END)
            while (part := following.result()) is not _END:
                following = pool.submit(next, parts, _END)
                yield part
        finally:
            stop.set()


def get_stop_check() -> Callable[[], bool]:
    """Return a function that returns whether the items of this thread are no longer needed."""
    stop = _STOP.get()
    return stop.is_set if stop else lambda: False
