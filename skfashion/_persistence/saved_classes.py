"""The classes with instances in files: a fixed table, by their names in files."""

import types
from dataclasses import MISSING, fields
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from .._backbones.recipe import Recipe
from .._backbones.spec import Backbone
from .._data.class_split import ClassSplit
from .._data.lazy_images import ImageFormat
from .._networks.architecture import Architecture, BodyArchitecture
from .._training.trainer_spec import OptimizerState

_Class = TypeVar("_Class", bound=type)

_CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        Architecture,
        Backbone,
        BodyArchitecture,
        ClassSplit,
        ImageFormat,
        OptimizerState,
        Recipe,
    )
}

# Values that searches set are numbers of NumPy.
_NUMBERS: dict[Any, tuple[type, ...]] = {
    bool: (bool, np.bool_),
    int: (int, np.integer),
    float: (int, float, np.integer, np.floating),
}
# Fields that files of some versions have and that are not needed.
_FORMER_FIELDS = {"auto_length"}
# Types that files hold as another type. joblib maps arrays of a pickle into memory.
_SAVED_AS: dict[type, type] = {np.memmap: np.ndarray}


def saved(cls: _Class) -> _Class:
    """Add a class to the table. Files hold its name, which must not change."""
    _CLASSES[cls.__name__] = cls
    return cls


def find_class(name: str) -> type | None:
    """Return the class of a name in files, or `None`."""
    return _CLASSES.get(name)


def class_name_of(value: Any) -> str | None:
    """Return the name in files of a value's class, or `None` if the table lacks it.

    Raises
    ------
    TypeError
        If its class is derived from a class in the table.
    """
    name = type(value).__name__
    if find_class(name) is type(value):
        return name
    for cls in _CLASSES.values():
        if isinstance(value, cls):
            raise TypeError(
                f"{name} is a class derived from {cls.__name__}, and files hold no code, so that "
                f"it could not be loaded. Use {cls.__name__} itself, or pickle the estimator."
            )
    return None


def make_dataclass(cls: type, values: dict[str, Any]) -> Any:
    """Return an instance of a dataclass after a check of its fields.

    Fields with a default may be missing: files of earlier versions do not have them. Former fields
    are ignored.

    Raises
    ------
    ValueError
        If another field is missing, or a field is unknown or not of its type.
    """
    hints = get_type_hints(cls)
    values = {name: value for name, value in values.items() if name not in _FORMER_FIELDS}
    required = {field.name for field in fields(cls) if field.default is MISSING}
    for name in values.keys() | required:
        if name not in hints or name not in values or not _is_of_type(values[name], hints[name]):
            raise ValueError(f"{cls.__name__}.{name} is missing, unknown or of a wrong type")
    return cls(**values)


def _is_of_type(value: Any, hint: Any) -> bool:
    """Whether a value has an annotated type. Elements of plain lists are not checked."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_is_of_type(value, each) for each in args)
    if origin is tuple:
        is_long = type(value) is tuple and len(value) == len(args)
        return is_long and all(map(_is_of_type, value, args))
    if origin is dict:
        return type(value) is dict and all(
            _is_of_type(key, args[0]) and _is_of_type(each, args[1]) for key, each in value.items()
        )
    if origin is list:
        return type(value) is list and all(_is_of_type(each, args[0]) for each in value)
    if hint is Any:
        return True
    if hint in _NUMBERS:
        is_bool = isinstance(value, (bool, np.bool_))
        return isinstance(value, _NUMBERS[hint]) and is_bool == (hint is bool)
    if hint is str:
        return isinstance(value, str)
    return _SAVED_AS.get(type(value), type(value)) is (hint or type(None))
