"""Input of any kind: it works, or `ValueError` or `TypeError` name the parameter that is wrong."""

import datetime
import decimal
import re
import tempfile
import warnings

import hypothesis
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from skfashion import BackboneFeatures, TransferClassifier

X = np.random.default_rng(0).integers(0, 256, (6, 9, 8), dtype="uint8")
y = np.array([0, 1] * 3)
VALID = {"X": X, "y": y, "sample_weight": np.array([1.0, 2, 1, 0.5, 1, 1]), "classes": [0, 1]}
DATE = datetime.datetime(2020, 1, 2)

# -- Values and containers ---------------------------------------------------------------------

NUMBERS = [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 0, 1, -1, 255, 0.5, np.float16(2)]
ODD = [None, {}, [1], "a", "1", b"1", 10**400, 1j, DATE, DATE.date(), decimal.Decimal(1), pd.NA]
ODD += [int, np.bool_(1)]
DTYPES = [*"?bBhHiIlLqQefdgFDGSUOmM", ">f4", ">i2", "m8[s]", "M8[ns]", "M8[D]", [("a", "f4")], "V3"]
# Other numbers of rows than labels have. No network is built for these shapes.
SHAPES = [X.shape, (6, 72), (6, 9, 8, 1), (6,), (6, 1), (6, 4), (6, 0), (6, 9, 8, 1, 1), ()]
OTHER_SHAPES = array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=5)


def as_type(array, dtype):
    """Return an array of another type, or, where NumPy cannot, zeros of that type."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return array.astype(dtype)
        except (TypeError, ValueError, OverflowError):
            return np.zeros(array.shape, dtype)


def with_value(array, value):
    """Return an array that holds a value at one place, if its type can, else of objects."""
    changed = array.astype(object) if not isinstance(value, float) else as_type(array, "f8")
    if changed.size:
        changed.reshape(-1)[changed.size // 2 : changed.size // 2 + 1] = [[value]][0]
    return changed


def in_a_file(array):
    if array.dtype.hasobject or not array.size or not array.ndim:
        return array
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, array.dtype, "w+", shape=array.shape)
    mapped[...] = array
    return mapped


def read_only(array):
    array.setflags(write=False)
    return array


def frame(array, **columns):
    table = array.reshape(len(array), -1) if array.ndim and array.size else array
    made = pd.DataFrame(table)
    if columns.get("names") is not None and made.shape[1]:
        made.columns = columns["names"](made.shape[1])
    return made


def column(values):
    """Return a function to a frame with one more column."""
    return lambda array: frame(array).assign(odd=pd.Series([*values] * 9)[: len(array)].to_numpy())


def series_of(dtype):
    return lambda array: pd.Series(array.reshape(-1)).astype(dtype)


CONTAINERS = {
    "array": lambda array: array,
    "Fortran": np.asfortranarray,
    "reversed": lambda array: array[::-1],
    "every second": lambda array: np.repeat(array, 2, axis=0)[::2],
    "read-only": read_only,
    "mapped": in_a_file,
    "broadcast": lambda array: np.broadcast_to(array[:1], array.shape),
    "masked": lambda array: np.ma.masked_array(
        array, np.arange(array.size).reshape(array.shape) % 2
    ),
    "matrix": np.matrix,
    "list": lambda array: array.tolist(),
    "list of arrays": list,
    "tuple": lambda array: tuple(array.tolist()),
    "ragged": lambda array: [*array.tolist()[1:], [1, 2, 3]],
    "dict": lambda array: dict(enumerate(array.tolist())),
    "csr": lambda array: scipy.sparse.csr_array(array.reshape(len(array), -1)),
    "coo": lambda array: scipy.sparse.coo_matrix(array.reshape(len(array), -1)),
    "frame": frame,
    "duplicate names": lambda array: frame(array, names=lambda n: ["a"] * n),
    "mixed names": lambda array: frame(array, names=lambda n: ["a", *range(n - 1)]),
    "multi-index": lambda array: frame(
        array, names=lambda n: pd.MultiIndex.from_product([["a"], range(n)])
    ),
    "frame with dates": column([DATE, DATE]),
    "frame with categories": column(["a", "b"]),
    "frame with missing": column([None, 1]),
    "frame of nullable": lambda array: frame(array).convert_dtypes(),
    "frame of categories": lambda array: frame(array).astype("category"),
    "series": lambda array: pd.Series(array.reshape(-1)),
    "category": series_of("category"),
    "string": series_of("string"),
    "nullable": series_of("Int64"),
    "with time zone": series_of("datetime64[ns, UTC]"),
    "period": series_of("period[D]"),
    "index": lambda array: pd.Index(array.reshape(-1)),
    "generator": lambda array: iter(array.tolist()),
    "scalar": lambda array: array.reshape(-1)[0],
    "text": str,
    "function": lambda array: array.sum,
}


@st.composite
def variants(draw, shapes):
    """Draw how a valid array is changed: its shape, type, one of its values, its container."""
    as_it_is = st.none()
    return {
        "shape": draw(as_it_is | st.sampled_from(shapes) | OTHER_SHAPES),
        "dtype": draw(as_it_is | st.sampled_from(DTYPES)),
        "value": draw(as_it_is | st.sampled_from([*NUMBERS, *ODD]).map(lambda value: [value])),
        "container": draw(st.sampled_from(list(CONTAINERS))),
    }


def build(array, shape, dtype, value, container):
    """Return the variant of an array."""
    if shape is not None:
        array = np.resize(array, shape)
    if dtype is not None:
        array = as_type(array, dtype)
    if value is not None:
        array = with_value(array, *value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return CONTAINERS[container](array)
        except Exception:  # no such container holds this array
            return array


# -- Calls -------------------------------------------------------------------------------------


def quick():
    return TransferClassifier(epochs=0, batch_size=6, hidden_units=4, random_state=0)


@pytest.fixture(scope="module")
def calls():
    """Return functions of valid arguments of which one is replaced, and the names of arguments."""
    fitted, features = quick().fit(X, y), BackboneFeatures(random_state=0).fit(X)

    def validate(**given):
        return quick().fit(X, y, **{f"{name}_val": value for name, value in given.items()})

    rows = ("X", "y", "sample_weight")
    return {
        "fit": (lambda **given: quick().fit(**given).predict_proba(X), rows),
        "fit with validation": (lambda **given: validate(**given).predict_proba(X), rows),
        "partial_fit": (
            lambda **given: quick().partial_fit(**given).predict_proba(X),
            (*rows, "classes"),
        ),
        "predict_proba": (fitted.predict_proba, ("X",)),
        "score": (fitted.score, rows),
        "transform": (features.transform, ("X",)),
    }


def contents(value):
    """Return all that a call must not change in a value."""
    if isinstance(value, pd.DataFrame):
        columns = [contents(value.iloc[:, place]) for place in range(value.shape[1])]
        return repr(value.columns), columns
    if isinstance(value, pd.Series | pd.Index):
        return value.dtype, repr(list(value))
    if scipy.sparse.issparse(value):
        return contents(value.toarray())
    if isinstance(value, list | tuple):
        return [contents(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        mask = np.ma.getmaskarray(value).tobytes()
        numbers = np.asarray(value)
        # Wide floats have bytes that mean nothing.
        is_bytes = not numbers.dtype.hasobject and numbers.dtype.char not in "gG"
        content = numbers.tobytes() if is_bytes else repr(numbers.tolist())
        return numbers.dtype, numbers.shape, numbers.strides, numbers.flags.writeable, mask, content
    return repr(value)


def outcome(call, given):
    try:
        return None, call(**given)
    except (ValueError, TypeError, FileNotFoundError) as error:
        return error, None


def check(calls, data):
    method = data.draw(st.sampled_from(list(calls)), "method")
    call, names = calls[method]
    name = data.draw(st.sampled_from(names), "parameter")
    shapes = SHAPES if name == "X" else SHAPES[3:5]
    value = build(np.array(VALID[name]), **data.draw(variants(shapes), "variant"))
    before = contents(value)
    given = {each: value if each == name else VALID[each] for each in names}
    shown = f"{name}_val" if method == "fit with validation" else name
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Ranges of pixels, padded rows, columns as labels, categories of names.
        warnings.simplefilter("ignore", UserWarning)
        error, result = outcome(call, given)
    if error is None:
        assert np.isfinite(result).all()
    elif isinstance(error, FileNotFoundError):  # texts in one column are paths
        assert name == "X", repr(error)
    else:
        # Rows of sample weight zero are named in words.
        assert re.search(rf"\b({shown}|{shown.replace('_', ' ')})\b", str(error)), repr(error)
    hypothesis.event(f"{name}: {type(error).__name__}")
    assert contents(value) == before


settings = hypothesis.settings(
    derandomize=True,
    deadline=None,
    database=None,
    phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    suppress_health_check=list(hypothesis.HealthCheck),
)


@hypothesis.settings(settings, max_examples=300)
@hypothesis.given(data=st.data())
def test_errors_name_the_parameter_and_nothing_is_modified(calls, data):
    check(calls, data)


@pytest.mark.slow
@hypothesis.settings(settings, max_examples=2000)
@hypothesis.given(data=st.data())
def test_errors_name_the_parameter_in_thousands_of_cases(calls, data):
    check(calls, data)
