"""Keras' global state: replaced while a graph is built, and restored afterwards."""

import random
from collections import defaultdict
from contextlib import contextmanager
from threading import RLock

from .._interrupts import interrupts_deferred
from .tensorflow import keras, keras_global_state, tf
from .variables import create_without_kernels

_NAMES = "object_name_uids"
_POLICY = "dtype_policy"
# Scopes that the caller may be in: `keras.name_scope`, `keras.RematScope`, `keras.StatelessScope`;
# and variables that wait for the end of the last one, for ever if Ctrl-C interrupts that.
_SCOPES = ("name_scope_stack", "remat_scope_stack", "stateless_scope", "uninitialized_variables")
# Keras' default of the small number that constraints and losses add before they divide.
_EPSILON = 1e-7
_BUILDING = RLock()


@contextmanager
def fresh_keras_state(dtype="float32", reserved=()):
    """Build a graph as if it were the first one in the process, and leave the user's state as is.

    Keras names layers, seeds and variables without a name by counters, and prefixes the paths of
    variables by the name scopes of the caller. For every layer and initialiser it draws a default
    seed, which is part of the configuration, from Python's global random state. Weights and random
    streams are found by names here, so these must not depend on earlier networks. One thread at a
    time builds, because threads share parts of this state. Ctrl-C waits until it can leave
    TensorFlow safely.

    Parameters
    ----------
    dtype : str, default="float32"
        Name of the Keras dtype policy that layers are built under.
    reserved : sequence of str
        Names that Keras must not give to layers without a name.
    """
    variables = tf.variable_creator_scope(create_without_kernels)
    deferral = interrupts_deferred(_is_in_tensorflow)
    with _BUILDING, deferral, _swapped_state(dtype, reserved), variables:
        yield


def _is_in_tensorflow(frame) -> bool:
    """Whether TensorFlow runs, without layers in between.

    Its C++ code calls Python, and turns a `KeyboardInterrupt` there into an error of another type.
    """
    while frame is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package in ("keras", "skfashion", "tensorflow"):
            return package == "tensorflow"
        frame = frame.f_back
    return False


@contextmanager
def _swapped_state(dtype, reserved):
    random_state = random.getstate()
    data_format, floatx = keras.config.image_data_format(), keras.config.floatx()
    epsilon = keras.config.epsilon()
    before = {
        name: keras_global_state.get_global_attribute(name) for name in (_NAMES, _POLICY, *_SCOPES)
    }
    try:
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")
        keras.config.set_epsilon(_EPSILON)
        names = defaultdict(int, dict.fromkeys(reserved, 1))
        keras_global_state.set_global_attribute(_NAMES, names)
        keras_global_state.set_global_attribute(_POLICY, keras.DTypePolicy(dtype))
        for name in _SCOPES:
            keras_global_state.set_global_attribute(name, None)
        random.seed(0)
        yield
    finally:
        with interrupts_deferred():
            for name, value in before.items():
                keras_global_state.set_global_attribute(name, value)
            keras.config.set_image_data_format(data_format)
            keras.config.set_floatx(floatx)
            keras.config.set_epsilon(epsilon)
            random.setstate(random_state)
