"""Ctrl-C in steps that must run as a whole, and in steps that bear it at certain places only."""

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# Seconds after which a signal that came at a bad place is sent again.
_RETRY_AFTER = 0.01

IsBadPlace = Callable[[FrameType | None], bool]


class _Deferral:
    """Handles a signal by another handler, but not at bad places."""

    def __init__(self, handler, is_bad_place: IsBadPlace | None):
        self._handler, self._is_bad_place = handler, is_bad_place
        self._is_pending = self._is_over = False
        self._retry: threading.Timer | None = None

    def receive(self, number, frame):
        self._is_pending = self._is_over or not self._is_bad_place or self._is_bad_place(frame)
        if not self._is_pending:
            self._handler(number, frame)
        elif self._is_bad_place and not self._is_over:
            self._retry = threading.Timer(_RETRY_AFTER, _thread.interrupt_main)
            self._retry.start()

    def end(self):
        self._is_over = True
        if self._retry:
            self._retry.join()
        signal.signal(signal.SIGINT, self._handler)
        if self._is_pending:
            self._handler(signal.SIGINT, sys._getframe())


@contextmanager
def interrupts_deferred(is_bad_place: IsBadPlace | None = None) -> Iterator[None]:
    """Let Ctrl-C raise `KeyboardInterrupt` after a block, or at a good place in it.

    Python runs signal handlers only in the main thread, so other threads need no deferral. A
    handler that was not installed from Python is not changed.

    Parameters
    ----------
    is_bad_place : callable, optional
        ``is_bad_place(frame) -> bool``: whether the exception must not be raised in this frame.
        Without it, the whole block is a bad place. It has to be short then.
    """
    handler = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not (is_main and callable(handler)):
        yield
        return
    deferral = _Deferral(handler, is_bad_place)
    signal.signal(signal.SIGINT, deferral.receive)
    try:
        yield
    finally:
        deferral.end()
