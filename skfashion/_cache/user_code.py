"""Descriptions of the user's functions and classes: their code, defaults, closures and globals.

They are equal in all processes that run the same code, unlike pickles and marshalled code.
"""

import copyreg
import dis
import random
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import CodeType, FunctionType, MemberDescriptorType, ModuleType
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
    "__name__",
)
# Each draw changes their state.
_GENERATORS = random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator


def hash_user_code(value: Any) -> str:
    """Return a hash of a value that contains functions or classes of the user; else "".

    Modules, and functions and classes of the libraries, count by their names, and those of other
    installed packages by their names and the package's version. Objects count by their class, and
    by their configuration or their attributes.
    """
    description = _Description()
    described = [description.of(value)]
    described += map(description.of, description.found_in_globals)
    return digest(described) if description.has_user_code else ""


class _Description:
    """A description of values by nested tuples and text.

    Attributes
    ----------
    has_user_code : bool
        Whether a described value is, or contains, a function or a class of the user.
    found_in_globals : list
        Functions and other callables that code reads as globals, which remain to be described. The
        list grows meanwhile.
    """

    def __init__(self):
        self.has_user_code = False
        self.found_in_globals: list[Any] = []
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
        signature = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
        names = code.co_varnames, code.co_names
        body = code.co_code, code.co_exceptiontable
        return "code", signature, names, body, *map(self.of, code.co_consts)

    def _of_function(self, function):
        if is_of_library(module := function.__globals__.get("__name__", "")):
            # A decorator of a library may call a function of the user.
            wrapped = self.of(getattr(function, "__wrapped__", None))
            return "library", module, function.__qualname__, wrapped
        self.has_user_code = True
        if package := _package_of(function, module):
            code = package, module, function.__qualname__
        else:
            names = sorted({*_find_globals(function.__code__)} & function.__globals__.keys())
            found = ((name, self._of_global(function.__globals__[name])) for name in names)
            code = self.of(function.__code__), *found
        return (
            "function",
            code,
            self.of(function.__defaults__),
            self.of(function.__kwdefaults__),
            *map(self._of_cell, function.__closure__ or ()),
        )

    def _of_cell(self, cell):
        try:
            return "cell", self.of(cell.cell_contents)
        except ValueError:  # not assigned yet
            return "empty cell"

    def _of_global(self, value):
        """Describe a global; the content of an object that may change does not count."""
        if isinstance(value, (*_CONSTANTS, tuple, frozenset, ModuleType)):
            return self.of(value)
        if not callable(value):
            return _name_of(type(value))
        # Long chains of calls would exceed Python's limit of recursion.
        self.found_in_globals.append(value)
        return "found", len(self.found_in_globals)

    def _of_class(self, kind):
        if is_of_library(kind.__module__):
            return "library", _name_of(kind)
        self.has_user_code = True
        if package := _package_of(kind, kind.__module__):
            return package, _name_of(kind)
        # Python and pickles add other names with underscores.
        members = {
            name: member
            for name, member in vars(kind).items()
            if not name.startswith("__") or isinstance(member, FunctionType)
            if not isinstance(member, MemberDescriptorType)  # a slot: copies have attributes
        }
        return "class", self.of(kind.__bases__), self._of_items(members)

    def _of_object(self, value):
        described = "object", self.of(type(value))
        if isinstance(value, np.ndarray):
            holds_objects = value.dtype.hasobject
            return *described, self.of(value.tolist()) if holds_objects else digest(value)
        with suppress(Exception):  # a class of the user or of a library may raise any error
            if hasattr(value, "get_config"):
                config = value.get_config()
                if hasattr(value, "call"):  # Keras numbers the names of layers
                    config = {key: each for key, each in config.items() if key != "name"}
                return *described, self.of(config)
            if hasattr(value, "__array__"):
                return *described, digest(np.asarray(value))
        is_of_user = not is_of_library(type(value).__module__)
        if is_of_user and (attributes := _attributes_of(value)) is not None:
            return *described, self.of(attributes)
        if isinstance(value, _GENERATORS):
            return described
        if parts := [name for name in _PARTS_OF_CALLABLES if hasattr(value, name)]:
            return *described, *((name, self.of(getattr(value, name))) for name in parts)
        with suppress(Exception):  # not all objects can be pickled
            reduce = copyreg.dispatch_table.get(type(value))
            return *described, self.of(reduce(value) if reduce else value.__reduce_ex__(2))
        return described


def _attributes_of(value: object) -> dict[str, Any] | None:
    """Return the attributes of an object, also those in slots.

    It is `None` if a compiled type hides them.
    """
    try:
        state = object.__getstate__(value)
    except TypeError:
        return None
    parts = state if isinstance(state, tuple) else (state,)
    return {name: each for part in parts if part for name, each in part.items()}


def is_of_library(module: str) -> bool:
    """Return whether a module belongs to Python or to a library of the fingerprint."""
    return module.partition(".")[0] in _LIBRARIES


def _package_of(value: FunctionType | type, module: str) -> str | None:
    """Return the names and versions of the installed packages that have a function or a class.

    It is `None` for the user's own files, for packages that are installed to be edited, and for
    functions and classes inside functions, whose names others may have.
    """
    found = sys.modules.get(module)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return _versions_of(module) if found is value else None


@cache
def _versions_of(module: str) -> str | None:
    """Return the names and versions of the installed packages that have a module."""
    file = getattr(sys.modules[module], "__file__", None)
    folders = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    if file is None or not any(Path(file).is_relative_to(folder) for folder in folders):
        return None
    names = {*_list_packages().get(module.partition(".")[0], ())}
    return ", ".join(f"{name} {version(name)}" for name in sorted(names)) or None


# It reads the metadata of all packages.
_list_packages = cache(packages_distributions)


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
