"""The hash of the user's code: equal for copies in other processes, another for any change."""

import subprocess
import sys
from functools import partial

import cloudpickle
import keras
import numpy as np
import pytest

from skfashion._cache.user_code import hash_user_code
from skfashion._training import losses


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


HASH = """
import sys
import cloudpickle
from skfashion._cache.user_code import hash_user_code
values = cloudpickle.loads(sys.stdin.buffer.read())
print("hashes", *map(hash_user_code, values))
"""


def test_a_copy_in_another_process_has_the_same_hash():
    # Layers of Keras cannot be pickled.
    values = [maker(0.1) for maker in MAKERS if maker is not make_config]
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)
    try:
        pickled = cloudpickle.dumps(values)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    run = subprocess.run(
        [sys.executable, "-c", HASH], input=pickled, capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.decode().split()[-len(values) :] == [*map(hash_user_code, values)]


def test_functions_of_libraries_have_no_hash():
    for value in (keras.ops.relu, keras.layers.Dense, np.add, partial(np.add, 1), len, losses):
        assert hash_user_code(value) == ""
