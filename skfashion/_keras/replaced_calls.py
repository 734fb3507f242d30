"""Layers of a shared graph that compute something else while a function is traced."""

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced_calls(replacements: Iterable[tuple[Any, Callable]]):
    """Let layers be called by other functions during a block, which traces them.

    The caller holds the lock of `fresh_keras_state`, under which all tracing of these layers is.

    Parameters
    ----------
    replacements : iterable of (keras.Layer, callable)
        Layers, and the replacement of the method `call` of each.
    """
    replacements = [*replacements]
    for layer, call in replacements:
        vars(layer)["call"] = call
    try:
        yield
    finally:
        for layer, _ in replacements:
            del vars(layer)["call"]
