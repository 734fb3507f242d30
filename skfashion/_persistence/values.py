"""Values as JSON: only the types of parameters and fitted attributes.

None, truth values, strings, lists and finite numbers are themselves. Every other value is an object
with one entry, from the name of its type to its content.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from .._backbones.recipe import Recipe
from .._backbones.spec import Backbone
from .arrays import JsonArrays, is_stored_apart
from .backbones import decode_backbone, encode_backbone
from .left_out import LeftOut
from .saved_classes import class_name_of, find_class, make_dataclass

_SEQUENCES: dict[str, Any] = {each.__name__: each for each in (tuple, set, frozenset)}


@dataclass
class Writer:
    """Encodes values as JSON, and collects the arrays that are stored beside it."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    left_out: LeftOut = field(default_factory=LeftOut, init=False)
    _in_json: JsonArrays = field(default_factory=JsonArrays, init=False)

    def encode(self, value: Any, name: str) -> Any:
        """Return a value as JSON.

        Parameters
        ----------
        value : object
            The value.
        name : str
            Place of the value, for the names of arrays and for errors.

        Raises
        ------
        TypeError
            If it has another type.
        """
        kind = type(value)
        if value is None or kind in (bool, int, str) or (kind is float and isfinite(value)):
            return value
        if kind is list:
            return [self.encode(each, f"{name}[{index}]") for index, each in enumerate(value)]
        for is_kind, encode in self._encoders:
            if is_kind(value):
                return encode(value, name)
        if class_name := class_name_of(value):
            return {class_name: self._encode_object(value, name)}
        raise TypeError(
            f"{name} is of type {kind.__name__}, which files of skfashion.save cannot hold. They "
            "hold None, truth values, numbers, strings, paths, NumPy arrays, RandomState, Recipe, "
            "Backbone, and lists, tuples, sets, ranges and dicts of these. Set a parameter to one "
            "of these by set_params, which needs no new fit, or pickle the estimator."
        )

    def encode_fields(self, values: dict[str, Any], name: str) -> dict[str, Any]:
        """Return a dict with names as keys as JSON."""
        return {key: self.encode(value, f"{name}/{key}") for key, value in values.items()}

    @cached_property
    def _encoders(self) -> list[tuple[Callable, Callable]]:
        def of(*kinds):
            return lambda value: type(value) in kinds

        return [
            (of(float), lambda value, name: {"float": repr(value)}),
            (of(*_SEQUENCES.values()), self._encode_sequence),
            (of(range), lambda value, name: {"range": [value.start, value.stop, value.step]}),
            (of(dict), self._encode_dict),
            (of(type(Path())), lambda value, name: {"path": str(value)}),
            (lambda value: isinstance(value, np.generic), self._encode_scalar),
            (of(np.ndarray, np.memmap), self._encode_array),
            (of(np.random.RandomState), self._encode_random_state),
            (of(Backbone), lambda value, name: {"Backbone": encode_backbone(value)}),
        ]

    def _encode_sequence(self, value, name):
        return {type(value).__name__: self.encode(list(value), name)}

    def _encode_dict(self, value, name):
        pairs = [
            [self.encode(key, f"a key of {name}"), self.encode(each, f"{name}/{key}")]
            for key, each in value.items()
        ]
        return {"dict": pairs}

    def _encode_scalar(self, value, name):
        return {"scalar": self._encode_in_json(np.asarray(value), name)}

    def _encode_array(self, value, name):
        if not is_stored_apart(value):
            return {"array": self._encode_in_json(value, name)}
        key = name if name not in self.arrays else f"{name} {len(self.arrays)}"
        self.arrays[key] = np.asarray(value)
        return {"stored": key}

    def _encode_in_json(self, array, name):
        try:
            return self._in_json.encode(array, lambda value: self.encode(value, name))
        except ValueError as error:
            raise TypeError(f"{name}: {error}. Use another type, or pickle.") from None

    def _encode_random_state(self, value, name):
        state = value.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            raise TypeError(
                f"{name} is a RandomState of {state['bit_generator']}, and files hold those of "
                "MT19937. Set it to an int, or to RandomState(seed)."
            )
        return {"RandomState": self.encode_fields(state, name)}

    def _encode_object(self, value, name):
        if is_dataclass(value):
            values = {each.name: getattr(value, each.name) for each in fields(value)}
            make_dataclass(type(value), values)  # Values that cannot be loaded are not saved.
        elif isinstance(value, Recipe):
            value._validate_params()
            values = value.get_params()
        else:
            values = value._saved_state(self.left_out)
        return self.encode_fields(values, name)


@dataclass(frozen=True)
class Reader:
    """Decodes values from JSON.

    Parameters
    ----------
    arrays : dict of str to ndarray
        The arrays of the file.
    backbones : sequence of Backbone
        Backbones that do not ship with skfashion.
    """

    arrays: dict[str, np.ndarray]
    backbones: Sequence[Backbone]
    _in_json: JsonArrays = field(default_factory=JsonArrays, init=False)

    def decode(self, coded: Any) -> Any:
        """Return the value of its JSON.

        Raises
        ------
        ValueError, TypeError, LookupError, OverflowError
            If there is no such value.
        """
        if isinstance(coded, list):
            return [self.decode(each) for each in coded]
        if not isinstance(coded, dict):
            return coded
        ((kind, content),) = coded.items()
        if decode := self._decoders.get(kind):
            return decode(content)
        cls = find_class(kind)
        if cls is None:
            raise ValueError(f"it has an object of the class {kind!r}, which is unknown here")
        return self._decode_object(cls, self.decode_fields(content))

    def decode_fields(self, coded: dict[str, Any]) -> dict[str, Any]:
        """Return a dict with names as keys."""
        return {key: self.decode(each) for key, each in coded.items()}

    @cached_property
    def _decoders(self) -> dict[str, Callable]:
        sequences = {
            name: lambda content, kind=kind: kind(self._decode_list(content))
            for name, kind in _SEQUENCES.items()
        }
        return {
            **sequences,
            "float": lambda content: {"inf": np.inf, "-inf": -np.inf, "nan": np.nan}[content],
            "range": lambda content: range(*content),
            "dict": lambda content: {self.decode(key): self.decode(each) for key, each in content},
            "path": Path,
            "scalar": lambda content: self._in_json.decode(content, self.decode)[()],
            "array": lambda content: self._in_json.decode(content, self.decode),
            "stored": self.arrays.__getitem__,
            "RandomState": self._decode_random_state,
            "Backbone": lambda content: decode_backbone(content, self.backbones),
        }

    def _decode_list(self, content):
        # A coded range or array would need much more memory as a tuple than in the file.
        if not isinstance(content, list):
            raise TypeError(f"the content of a sequence is of type {type(content).__name__}")
        return self.decode(content)

    def _decode_random_state(self, content):
        random_state = np.random.RandomState()
        random_state.set_state(self.decode_fields(content))
        return random_state

    def _decode_object(self, cls, values):
        if cls is Recipe:
            recipe = Recipe(**values)
            recipe._validate_params()
            return recipe
        if hasattr(cls, "_from_saved_state"):
            return cls._from_saved_state(values)
        return make_dataclass(cls, values)
