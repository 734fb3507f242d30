"""The user's code in layers, which Keras' configuration holds by name only."""

from collections.abc import Iterator
from types import FunctionType
from typing import Any

from .._cache.hashing import digest
from .._cache.user_code import hash_user_code, is_of_library
from .._keras.tensorflow import keras


def hash_layer_code(operation) -> str:
    """Return a hash of the user's classes and functions in an operation; "" if it has none.

    Parameters
    ----------
    operation : keras.Operation
        A layer or another operation of a graph, perhaps with layers inside.
    """
    hashes = ((path, hash_user_code(value)) for path, value in _find_values(operation))
    found = [(path, value) for path, value in hashes if value]
    return digest(found) if found else ""


def has_lambda(operation) -> bool:
    """Return whether a public attribute of an operation, or of a layer inside, is a lambda."""
    return any(
        isinstance(value, FunctionType) and value.__name__ == "<lambda>"
        for path, value in _find_values(operation)
        if not path.rpartition(".")[2].startswith("_")
    )


def _find_values(operation) -> Iterator[tuple[str, Any]]:
    """Yield classes of operations, and other values that may hold code, by attribute."""
    remaining: list[tuple[str, Any]] = [("", operation)]
    seen = set()
    while remaining:
        path, value = remaining.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))  # of values that the operation keeps alive
        if isinstance(value, keras.Operation):
            yield path, type(value)
            remaining += ((f"{path}.{name}", each) for name, each in vars(value).items())
        elif isinstance(value, list | tuple):
            remaining += ((f"{path}.{number}", each) for number, each in enumerate(value))
        elif isinstance(value, dict):
            remaining += ((f"{path}.{key}", each) for key, each in value.items())
        elif callable(value) or not is_of_library(type(value).__module__):
            yield path, value
