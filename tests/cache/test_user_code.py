"""The hash of the user's code: equal for copies in other processes, another for any change."""

import math
import random
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import cloudpickle
import joblib
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from skfashion._cache import user_code
from skfashion._cache.user_code import hash_user_code
from skfashion._training import losses
from tests.programs import run_program


def make_leaky(slope):
    def act(x):
        """Return a leaky rectifier."""
        return keras.ops.leaky_relu(x, slope)

    return act


def make_default(slope):
    def act(x, slope=slope, *, scale=slope):
        return keras.ops.leaky_relu(x, slope * scale)

    return act


def make_layer(value):
    class Scaled(keras.layers.Layer):
        factor = value

        def call(self, x):
            return super().call(x) * Scaled.factor

    return Scaled


def make_property(value):
    class Scaled:
        @property
        def factor(self):
            return value

    return Scaled


def make_method(value):
    class Scaled:
        def __init__(self):
            self.value = value

        def act(self, x):
            return x * self.value

    return Scaled().act


def make_nested(value):
    helper = make_leaky(value)

    def act(x):
        return [helper(each) for each in x]

    return act


def make_recursive(value):
    def act(x):
        return act(x - value)

    return act


def make_array(value):
    array = np.full(2, value)

    def act(x):
        return x + array

    return act


def make_tensor(value):
    tensor = keras.ops.full((2,), value)

    def act(x):
        return x + tensor

    return act


def make_config(value):
    layer = keras.layers.LeakyReLU(value)

    def act(x):
        return layer(x)

    return act


def make_global(value):
    scope = {"SLOPE": value, "__name__": "users"}
    exec("def inner(x):\n return x * SLOPE\ndef act(x):\n return inner(x)", scope)
    return scope["act"]


def make_set(value):
    names = {f"{value}{number}" for number in range(20)}

    def act(x):
        return x if "a" in {"a", "b", "c"} else names

    return act


def make_partial(value):
    return partial(make_leaky(1), value)


def make_slice(value):
    channels = slice(0, int(10 * value))

    def act(x):
        return x[..., channels]

    return act


def make_range(value):
    channels = range(int(10 * value))

    def act(x):
        return [x[..., channel] for channel in channels]

    return act


def make_dtype(value):
    dtype = tf.float16 if value < 0.2 else tf.bfloat16

    def act(x):
        return keras.ops.cast(x, dtype)

    return act


def make_policy(value):
    policy = keras.DTypePolicy("float16" if value < 0.2 else "bfloat16")

    def act(x):
        return keras.ops.cast(x, policy.compute_dtype)

    return act


def make_builtin(value):
    function = math.sin if value < 0.2 else math.cos

    def act(x):
        return function(x)

    return act


def make_ufunc(value):
    function = np.exp if value < 0.2 else np.log

    def act(x):
        return function(x)

    return act


def make_pattern(value):
    pattern = re.compile(str(value))

    def act(x):
        return x if pattern.match("0.1") else -x

    return act


@dataclass
class Slotted:
    __slots__ = ("value",)
    value: float


def make_slotted(value):
    held = Slotted(value)

    def act(x):
        return x * held.value

    return act


def make_objects(value):
    held = np.array([value, "a"], object)

    def act(x):
        return x * held[0]

    return act


def make_wrapped(value):
    @contextmanager
    def act(x):
        yield x * value

    return act


def make_of_package(value):
    return partial(pd.Series.clip, lower=value)


MAKERS = [
    make_leaky,
    make_default,
    make_layer,
    make_property,
    make_method,
    make_nested,
    make_recursive,
    make_array,
    make_tensor,
    make_config,
    make_global,
    make_set,
    make_partial,
    make_slice,
    make_range,
    make_dtype,
    make_policy,
    make_builtin,
    make_ufunc,
    make_pattern,
    make_slotted,
    make_objects,
    make_wrapped,
    make_of_package,
]


@pytest.mark.parametrize("maker", MAKERS)
def test_another_value_that_the_code_uses_is_another_hash(maker):
    assert hash_user_code(maker(0.1)) == hash_user_code(maker(0.1)) != hash_user_code(maker(0.3))
    assert hash_user_code(maker(0.1))


def test_other_code_is_another_hash():
    sources = ["x + 1", "x + 2", "x - 1", "x.real", "x.imag", "len(x)", "abs(x)"]
    functions = [eval(f"lambda x: {source}", {"__name__": "users"}) for source in sources]
    assert len({*map(hash_user_code, functions)}) == len(sources)
    moved = eval("\n\n(lambda x: x + 1)", {"__name__": "elsewhere"})
    assert hash_user_code(moved) == hash_user_code(functions[0])


@pytest.mark.parametrize(
    "sources",
    [
        ("def f(x): return g(x)", "def f(*x): return g(x)", "def f(x, /): return g(x)"),
        ("def f(x, y): return x - y", "def f(y, x): return y - x"),
        (
            "def f(x):\n try:\n  g(x)\n  g(x)\n except KeyError:\n  return 0",
            "def f(x):\n try:\n  g(x)\n except KeyError:\n  return 0\n else:\n  g(x)",
        ),
    ],
)
def test_another_signature_is_another_hash(sources):
    scopes = [{"__name__": "users", "g": abs} for _ in sources]
    for source, scope in zip(sources, scopes, strict=True):
        exec(source, scope)
    assert len({hash_user_code(scope["f"]) for scope in scopes}) == len(sources)


def test_chains_of_calls_may_be_long():
    scope = {"__name__": "users"}
    exec("def f0(x): return x", scope)
    for number in range(1, 1_000):
        exec(f"def f{number}(x): return f{number - 1}(x)", scope)
    before = hash_user_code(scope["f999"])
    exec("def f0(x): return x + 1", scope)
    assert hash_user_code(scope["f999"]) != before


def test_packages_count_by_their_version(monkeypatch):
    of_frame = hash_user_code(pd.DataFrame)
    assert of_frame == hash_user_code(pd.DataFrame) != hash_user_code(pd.Series)
    monkeypatch.setattr(user_code, "version", lambda name: "0.0")
    user_code._versions_of.cache_clear()
    assert hash_user_code(pd.DataFrame) != of_frame
    monkeypatch.undo()
    user_code._versions_of.cache_clear()
    assert hash_user_code(pd.DataFrame) == of_frame


def test_functions_inside_functions_of_a_package_count_by_their_code():
    scope = {"__name__": "joblib.memory"}
    exec(
        "def make(number):\n"
        " if number:\n"
        "  def act(x): return x + 1\n"
        " else:\n"
        "  def act(x): return x - 1\n"
        " class Act:\n"
        "  def __call__(self, x): return x * number\n"
        " return act, Act\n",
        scope,
    )
    for one, other in zip(scope["make"](0), scope["make"](1), strict=True):
        assert one.__module__ == joblib.memory.__name__
        assert hash_user_code(one) != hash_user_code(other)


def test_draws_of_random_numbers_do_not_change_the_hash():
    for generator in (random.Random(0), np.random.default_rng(0), np.random.RandomState(0)):
        draw = generator.uniform

        def act(x, draw=draw):
            return x * draw(0, 1)

        before = hash_user_code(act)
        draw(0, 1)
        assert hash_user_code(act) == before


HASH = """
import sys
import cloudpickle
from skfashion._cache.user_code import hash_user_code
values = cloudpickle.loads(sys.stdin.buffer.read())
print("hashes", *map(hash_user_code, values))
"""


def test_a_copy_in_another_process_has_the_same_hash():
    # Layers and tensors of Keras cannot be pickled.
    values = [maker(0.1) for maker in MAKERS if maker is not make_config]
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        pickled = cloudpickle.dumps(values)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    run = run_program(HASH, stdin=pickled)
    assert run.stdout.decode().split()[-len(values) :] == [*map(hash_user_code, values)]


def test_functions_of_libraries_have_no_hash():
    for value in (keras.ops.relu, keras.layers.Dense, np.add, partial(np.add, 1), len, losses):
        assert hash_user_code(value) == ""
