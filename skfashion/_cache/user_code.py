"""Descriptions of the user's functions and classes: their code, defaults, closures and globals.

They are equal in all processes that run the same code, unlike pickles and marshalled code.
"""

import dis
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from .hashing import digest

# `environment_fingerprint` has the versions of the libraries that compute.
_LIBRARIES = sys.stdlib_module_names | {"keras", "tensorflow", "numpy", __name__.partition(".")[0]}
_CONSTANTS = (type(None), type(...), bool, int, float, complex, str, bytes, np.generic)
# Attributes of objects that call a function, such as methods, partials and properties.
_PARTS_OF_CALLABLES = (
    "__wrapped__",
    "__func__",
    "__self__",
    "func",
    "args",
    "keywords",
    "fget",
)


def hash_user_code(value: Any) -> str:
    """Return a hash of a value that contains functions or classes of the user; else "".

    Modules, and functions and classes of the libraries, count by their names. Objects count by
    their class, and by their configuration or their attributes.
    """
    description = _Description()
    described = description.of(value)
    return digest(described) if description.has_user_code else ""


class _Description:
    """A description of values by nested tuples and text.

    Attributes
    ----------
    has_user_code : bool
        Whether a described value is, or contains, a function or a class of the user.
    """

    def __init__(self):
        self.has_user_code = False
        # Number and object by id: an object that is kept has an id of its own.
        self._seen: dict[int, tuple[int, Any]] = {}

    def of(self, value: Any) -> Any:
        """Return the description of a value."""
        if isinstance(value, _CONSTANTS):
            return repr(value)
        if isinstance(value, ModuleType):
            return "module", value.__name__
        if isinstance(value, CodeType):
            return self._of_code(value)
        if isinstance(value, tuple):
            return "tuple", *map(self.of, value)
        if isinstance(value, frozenset | set):
            return "set", *sorted(repr(self.of(each)) for each in value)
        # Only these can contain themselves. Processes may share equal constants differently.
        if id(value) in self._seen:
            return "seen", self._seen[id(value)][0]
        self._seen[id(value)] = len(self._seen), value
        if isinstance(value, list):
            return "list", *map(self.of, value)
        if isinstance(value, Mapping):
            return self._of_items(value)
        if isinstance(value, FunctionType):
            return self._of_function(value)
        return self._of_class(value) if isinstance(value, type) else self._of_object(value)

    def _of_items(self, items):
        described = ((repr(self.of(key)), items[key]) for key in items)
        ordered = sorted(described, key=lambda item: item[0])
        return "dict", *((key, self.of(value)) for key, value in ordered)

    def _of_code(self, code):
        # Lines and names of files do not change results.
        return "code", code.co_code, code.co_names, *map(self.of, code.co_consts)

    def _of_function(self, function):
        if is_of_library(module := function.__globals__.get("__name__", "")):
            return "library", module, function.__qualname__
        self.has_user_code = True
        names = sorted({*_find_globals(function.__code__)} & function.__globals__.keys())
        return (
            "function",
            self.of(function.__code__),
            self.of(function.__defaults__),
            self.of(function.__kwdefaults__),
            *map(self._of_cell, function.__closure__ or ()),
            *((name, self._of_global(function.__globals__[name])) for name in names),
        )

    def _of_cell(self, cell):
        try:
            return "cell", self.of(cell.cell_contents)
        except ValueError:  # not assigned yet
            return "empty cell"

    def _of_global(self, value):
        """Describe a global; the content of an object that may change does not count."""
        is_constant = isinstance(value, (*_CONSTANTS, tuple, frozenset, ModuleType))
        return self.of(value) if is_constant or callable(value) else _name_of(type(value))

    def _of_class(self, kind):
        if is_of_library(kind.__module__):
            return "library", _name_of(kind)
        self.has_user_code = True
        # Python and pickles add other names with underscores.
        members = {
            name: member
            for name, member in vars(kind).items()
            if not name.startswith("__") or isinstance(member, FunctionType)
        }
        return "class", self.of(kind.__bases__), self._of_items(members)

    def _of_object(self, value):
        described = "object", self.of(type(value))
        if isinstance(value, np.ndarray):
            return *described, digest(value)
        with suppress(Exception):  # a class of the user or of a library may raise any error
            if hasattr(value, "get_config"):
                config = {k: v for k, v in value.get_config().items() if k != "name"}
                return *described, self.of(config)
            if hasattr(value, "__array__"):
                return *described, digest(np.asarray(value))
        if not is_of_library(type(value).__module__):
            return *described, self.of(getattr(value, "__dict__", None))
        parts = [name for name in _PARTS_OF_CALLABLES if hasattr(value, name)]
        return *described, *((name, self.of(getattr(value, name))) for name in parts)


def is_of_library(module: str) -> bool:
    """Return whether a module belongs to Python or to a library of the fingerprint."""
    return module.partition(".")[0] in _LIBRARIES


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _find_globals(code: CodeType) -> Iterator[str]:
    """Yield the names of globals that code reads, also in functions inside it."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _find_globals(constant)
