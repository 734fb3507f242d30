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
    hashes = ((path, hash_user_code(value)) for path, _, value in _find_values(operation))
    found = [(path, value) for path, value in hashes if value]
    return digest(found) if found else ""


def has_lambda(operation) -> bool:
    """Return whether a public attribute of an operation, or of a layer inside, is a lambda."""
    return any(
        isinstance(value, FunctionType) and value.__name__ == "<lambda>"
        for _, attribute, value in _find_values(operation)
        if not attribute.startswith("_")
    )


def _find_values(operation) -> Iterator[tuple[str, str, Any]]:
    """Yield classes of operations, and other values that may hold code.

    Each follows its path and the attribute that holds it, perhaps inside containers.
    """
    remaining: list[tuple[str, str, Any]] = [("", "", operation)]
    seen = set()
    while remaining:
        path, attribute, value = remaining.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))  # of values that the operation keeps alive
        if isinstance(value, keras.Operation):
            yield path, attribute, type(value)
            remaining += ((f"{path}.{name}", name, each) for name, each in vars(value).items())
        elif isinstance(value, list | tuple):
            items = enumerate(value)
            remaining += ((f"{path}.{number}", attribute, each) for number, each in items)
        elif isinstance(value, dict):
            remaining += ((f"{path}.{key}", attribute, each) for key, each in value.items())
        elif callable(value) or not is_of_library(type(value).__module__):
            yield path, attribute, value
