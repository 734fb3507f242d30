"""Keras' global state: replaced while a graph is built, and restored afterwards."""

import random
from collections import defaultdict
from contextlib import contextmanager
from threading import RLock

from .tensorflow import keras, keras_global_state, tf
from .variables import create_without_kernels

_NAMES = "object_name_uids"
_POLICY = "dtype_policy"
# Scopes that the caller may be in: `keras.name_scope`, `keras.RematScope`.
_SCOPES = ("name_scope_stack", "remat_scope_stack")
_BUILDING = RLock()


@contextmanager
def fresh_keras_state(dtype="float32", reserved=()):
    """Build a graph as if it were the first one in the process, and leave the user's state as is.

    Keras names layers, seeds and variables without a name by counters, and puts the name scopes of
    the caller in front of the paths of variables. For every layer and
    initialiser it draws a default seed, which is part of the configuration, from Python's global
    random state. Weights and random streams are found by names here, so these must not depend on
    what was built before. One thread at a time builds, because threads share parts of this state.

    Parameters
    ----------
    dtype : str, default="float32"
        Name of the Keras dtype policy that layers are built under.
    reserved : sequence of str
        Names that Keras must not give to layers without a name.
    """
    variables = tf.variable_creator_scope(create_without_kernels)
    with _BUILDING, _swapped_state(dtype, reserved), variables:
        yield


@contextmanager
def _swapped_state(dtype, reserved):
    random_state = random.getstate()
    data_format, floatx = keras.config.image_data_format(), keras.config.floatx()
    before = {
        name: keras_global_state.get_global_attribute(name) for name in (_NAMES, _POLICY, *_SCOPES)
    }
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras_global_state.set_global_attribute(_NAMES, defaultdict(int, dict.fromkeys(reserved, 1)))
    keras_global_state.set_global_attribute(_POLICY, keras.DTypePolicy(dtype))
    for name in _SCOPES:
        keras_global_state.set_global_attribute(name, None)
    random.seed(0)
    try:
        yield
    finally:
        for name, value in before.items():
            keras_global_state.set_global_attribute(name, value)
        keras.config.set_image_data_format(data_format)
        keras.config.set_floatx(floatx)
        random.setstate(random_state)
