"""Pipelines, searches and other estimators of scikit-learn, by the package skops.

skops writes scikit-learn's estimators without pickle, and loads only classes that are trusted. It
gets a copy in which each estimator of this library is replaced by a `Part` with a number. These
estimators are saved separately, so skops need not trust classes of this library that could run
code. Values that skops refuses or changes are also saved separately.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from numbers import Number
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from sklearn import model_selection
from sklearn.feature_selection import chi2, f_classif, mutual_info_classif
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit
from sklearn.utils import Bunch

from .left_out import LEFT_OUT, LeftOut
from .saved_classes import class_name_of, saved

_SCHEMA = "schema.json"
_MOST_SCHEMA_BYTES = 2**24
# Packages whose objects are searched for estimators.
_REBUILT = "sklearn.", "skfashion."
# Types of parameters that skops does not trust.
_UNTRUSTED = range, frozenset, type(Path())
# Types of keys that skops restores from text, if all keys of a dict have one.
_KINDS_OF_KEYS = {str, int, float, np.str_, np.int64, np.float64}


@dataclass(frozen=True)
class Part:
    """Placeholder of an object that is saved separately from the bytes of skops."""

    number: int


@saved
@dataclass(frozen=True)
class Distribution:
    """A distribution of `scipy.stats`, as in randomized searches.

    skops would set its attributes from the file, and SciPy runs one of them as code.
    """

    name: str
    args: list
    kwds: dict[str, Any]

    @classmethod
    def describe(cls, value: Any) -> "Distribution | None":
        """Return the description of a frozen distribution; `None` for any other value."""
        distribution = getattr(value, "dist", None)
        name = getattr(distribution, "name", "")
        if distribution is None or _find_distribution(name) is not type(distribution):
            return None
        described = cls(name, list(value.args), dict(value.kwds))
        return described if described._has_numbers() else None

    def make(self) -> Any:
        """Return the frozen distribution."""
        from scipy import stats

        if _find_distribution(self.name) is None:
            raise ValueError(f"scipy.stats has no distribution {self.name!r}")
        if not self._has_numbers():
            raise ValueError(f"scipy.stats.{self.name} takes numbers and arrays")
        return getattr(stats, self.name)(*self.args, **self.kwds)

    def _has_numbers(self) -> bool:
        """Whether the arguments are numbers or arrays. SciPy would make an array of a range."""
        arguments = (*self.args, *self.kwds.values())
        return all(isinstance(each, Number | np.ndarray | np.generic) for each in arguments)


def _find_distribution(name: Any) -> type | None:
    """Return the class of one of SciPy's distributions."""
    from scipy import stats

    found = vars(stats).get(name) if isinstance(name, str) else None
    return type(found) if isinstance(found, stats.rv_continuous | stats.rv_discrete) else None


def dump_scikit_learn(estimator: Any, left_out: LeftOut) -> tuple[np.ndarray, list]:
    """Return an estimator as bytes of skops, and the objects of this library in it.

    Parameters
    ----------
    estimator : estimator
        The estimator.
    left_out : LeftOut
        Gets the attributes that the bytes lack.

    Raises
    ------
    ModuleNotFoundError
        If skops is not installed.
    TypeError
        If it has objects that could not be loaded again.
    ValueError
        If the archive would be larger than `load_scikit_learn` takes.
    """
    skops = _import_skops()
    parts: list[Any] = []

    def replace_part(value):
        is_part = _needs_part(value) or class_name_of(value)
        part = value if is_part else Distribution.describe(value)
        if part is None:
            return value
        parts.append(part)
        return Part(len(parts) - 1)

    rebuilt = _Rebuilding(replace_part, left_out).rebuild(estimator)
    try:
        content = skops.dumps(rebuilt)
        _check_archive(content)
        unknown = set(skops.get_untrusted_types(data=content)) - set(_trusted())
    except _RefusedArchive as error:
        raise ValueError(
            f"{type(estimator).__name__} cannot be saved, because load would refuse the file: "
            f"{error}. {error.remedy}, or pickle it for files that you alone load."
        ) from error
    except Exception as error:  # the errors depend on what the estimator holds
        raise TypeError(
            f"{type(estimator).__name__} cannot be saved by skops: {error}. Pickle it for files "
            "that you alone load."
        ) from error
    if unknown:
        raise TypeError(
            f"{type(estimator).__name__} holds objects of types that are not trusted in files: "
            f"{sorted(unknown)}. Replace them, or pickle it for files that you alone load."
        )
    return np.frombuffer(content, np.uint8), parts


def _needs_part(value: Any) -> bool:
    """Whether skops does not load a value, or loads a dict with other keys.

    It makes JSON of keys, in which they are text, and distinct keys can be equal.
    """
    if type(value) is dict:
        kinds = {*map(type, value)}
        return len(kinds) > 1 or not kinds <= _KINDS_OF_KEYS
    return type(value) in _UNTRUSTED


def load_scikit_learn(content: np.ndarray, parts: list) -> Any:
    """Return the estimator that `dump_scikit_learn` wrote.

    Raises
    ------
    ModuleNotFoundError
        If skops is not installed.
    ValueError
        If another program wrote it, or it holds objects of types that are not trusted.
    """
    skops = _import_skops()

    def insert_part(value):
        if type(value) is not Part:
            return value
        part = parts[value.number]
        return part.make() if type(part) is Distribution else part

    data = content.tobytes()
    try:
        _check_archive(data)
        return _Rebuilding(insert_part).rebuild(skops.loads(data, trusted=_trusted()))
    except Exception as error:  # the errors depend on the damage
        raise ValueError(f"skops cannot read it: {error}") from error


class _RefusedArchive(ValueError):
    """The fault of an archive, and how an estimator can be changed so that it has none."""

    def __init__(self, fault: str, remedy: str):
        super().__init__(fault)
        self.remedy = remedy


def _check_archive(data: bytes) -> None:
    """Check that no part of the archive grows when it is read."""
    with ZipFile(BytesIO(data)) as archive:
        members = archive.infolist()
        schema = archive.getinfo(_SCHEMA)
        is_larger = sum(member.file_size for member in members) > len(data)
        if is_larger or any(member.compress_type != ZIP_STORED for member in members):
            raise _RefusedArchive(
                "the archive has compressed or overlapping parts", "Use another version of skops"
            )
        for member in members:
            with archive.open(member) as file:
                if file.read(2) == b"PK":
                    raise _RefusedArchive(
                        "the archive has parts that are archives", "Make sparse arrays dense"
                    )
    if schema.file_size > _MOST_SCHEMA_BYTES:
        raise _RefusedArchive(
            f"{_SCHEMA} is larger than {_MOST_SCHEMA_BYTES} bytes",
            "Use arrays in place of long lists, such as the folds of cv",
        )


def _trusted() -> list[str]:
    """Return the types that skops may load besides its defaults: inert parts of estimators."""
    searches = ("HalvingGridSearchCV", "HalvingRandomSearchCV")
    splitters = [
        each
        for each in vars(model_selection).values()
        if isinstance(each, type) and issubclass(each, BaseCrossValidator | BaseShuffleSplit)
    ]
    scorers = [get_scorer(name) for name in get_scorer_names()]
    # The functions of scorers, and those that select features.
    functions = [scorer._score_func for scorer in scorers]
    functions += [chi2, f_classif, mutual_info_classif]
    named = {Part, Bunch, *splitters, *map(type, scorers), *functions}
    return [
        *(f"{each.__module__}.{each.__name__}" for each in named),
        *(f"sklearn.model_selection._search_successive_halving.{each}" for each in searches),
        "sklearn.metrics._scorer._PassthroughScorer",
        "skfashion.model_selection._class_split.ClassSplitCV",
        "skfashion.model_selection._target_scorer._TargetScorer",
    ]


@dataclass
class _Rebuilding:
    """Copies nested estimators and containers, with objects replaced.

    Parameters
    ----------
    replace : callable
        ``replace(value)`` returns the replacement, or the value itself.
    left_out : LeftOut
        Attributes that copies do not have.
    """

    replace: Callable[[Any], Any]
    left_out: LeftOut = field(default_factory=LeftOut)
    # Results by identity, with the values, which must not be freed in between.
    _memo: dict[int, tuple] = field(default_factory=dict)

    def rebuild(self, value: Any) -> Any:
        """Return a copy of an estimator or a container. Other values are not copied."""
        if id(value) in self._memo:
            return self._memo[id(value)][1]
        result = self.replace(value)
        if result is value:
            result = self._rebuild_elements(value)
        self._memo[id(value)] = value, result
        return result

    def _rebuild_elements(self, value):
        if type(value) in (list, tuple):
            return type(value)(map(self.rebuild, value))
        if type(value) in (dict, Bunch):
            copy = type(value)()
            copy.update((key, self.rebuild(each)) for key, each in value.items())
            return copy
        if type(value) is np.memmap:
            return np.asarray(value)
        if isinstance(value, np.ndarray) and value.dtype == object:
            copy = value.copy()  # of a masked array, too
            flat = np.ma.getdata(copy).reshape(-1)
            for index, each in enumerate(flat):
                flat[index] = self.rebuild(each)
            return copy
        # Scorers and splitters also hold estimators. Extension types, such as the trees of nearest
        # neighbours, have a `__new__` of their own, and hold no estimators.
        is_rebuilt = type(value).__module__.startswith(_REBUILT) and hasattr(value, "__dict__")
        if is_rebuilt and type(value).__new__ is object.__new__:
            return self._rebuild_attributes(value)
        return value

    def _rebuild_attributes(self, value):
        copy = object.__new__(type(value))
        self.left_out.add(type(value), LEFT_OUT & vars(value).keys())
        for name, each in vars(value).items():
            if name not in LEFT_OUT:
                vars(copy)[name] = self.rebuild(each)
        return copy


def _import_skops():
    try:
        import skops.io
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Files of pipelines, searches and other estimators of scikit-learn need the package "
            'skops: run `pip install "skfashion[skops]"`.',
            name="skops",
        ) from error
    return skops.io
