"""Reading the next part of slow data while the one before is used."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

_END: Any = object()


def read_ahead(parts: Iterator[T], source: object) -> Iterator[T]:
    """Yield the items of an iterator; another thread gets the next one meanwhile.

    Parameters
    ----------
    parts : iterator
        The items.
    source : object
        What they are read from. If its attribute `is_slow` is missing or false, no thread starts.
    """
    if not getattr(source, "is_slow", False):
        yield from parts
        return
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, parts, _END)
        while (part := following.result()) is not _END:
            following = pool.submit(next, parts, _END)
            yield part
