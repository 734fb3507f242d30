"""Ctrl-C during steps that must run as a whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Run a block to its end before Ctrl-C raises `KeyboardInterrupt`.

    The block has to be short. Python runs signal handlers in the main thread only, so nothing has
    to be deferred in others. A handler that was not installed from Python stays as it is.
    """
    handler = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not (is_main and callable(handler)):
        yield
        return
    received: list[tuple] = []
    signal.signal(signal.SIGINT, lambda *signal_and_frame: received.append(signal_and_frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if received:
            handler(*received[-1])
