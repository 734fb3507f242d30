"""Keras' hidden global state, kept out of what is built here and left as it was found."""

import random
from collections import defaultdict
from contextlib import contextmanager
from threading import RLock

from .tensorflow import keras, keras_global_state

_NAMES = "object_name_uids"
_POLICY = "dtype_policy"
_BUILDING = RLock()


@contextmanager
def fresh_keras_state(dtype="float32", reserved=()):
    """Build a graph as if it were the first one in the process.

    Keras numbers the layers, seeds and variables that have no name of their own by counters, and
    draws a default seed from Python's global random state for every layer and initialiser, which
    is part of its configuration.
    Weights and random streams go by names here, so those must not depend on what was built before;
    and the user's own counters, settings and random state must not move. One thread at a time
    builds, because some of them are shared by all.

    Parameters
    ----------
    dtype : str, default="float32"
        Name of the Keras dtype policy that layers are built under.
    reserved : sequence of str
        Names that Keras must not give to layers of its own accord.
    """
    with _BUILDING, _swapped_state(dtype, reserved):
        yield


@contextmanager
def _swapped_state(dtype, reserved):
    random_state = random.getstate()
    data_format, floatx = keras.config.image_data_format(), keras.config.floatx()
    before = {name: keras_global_state.get_global_attribute(name) for name in (_NAMES, _POLICY)}
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras_global_state.set_global_attribute(_NAMES, defaultdict(int, dict.fromkeys(reserved, 1)))
    keras_global_state.set_global_attribute(_POLICY, keras.DTypePolicy(dtype))
    random.seed(0)
    try:
        yield
    finally:
        for name, value in before.items():
            keras_global_state.set_global_attribute(name, value)
        keras.config.set_image_data_format(data_format)
        keras.config.set_floatx(floatx)
        random.setstate(random_state)
