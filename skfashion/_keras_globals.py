"""Keras' hidden global state, kept out of what is built here and left as it was found."""

import random
from collections import defaultdict
from contextlib import contextmanager
from threading import RLock

from ._tensorflow import keras_global_state

_NAMES = "object_name_uids"
_BUILDING = RLock()


@contextmanager
def fresh_keras_globals(reserved=()):
    """Build a graph as if it were the first one in the process.

    Keras numbers the layers, seeds and variables that have no name of their own by counters, and
    draws a default seed from Python's global random state for every layer and initialiser.
    Weights and random streams go by names here, so those must not depend on what was built before;
    and the user's own counters and random state must not move. One thread at a time builds,
    because Python's random state is shared by all.

    Parameters
    ----------
    reserved : sequence of str
        Names that Keras must not give to layers of its own accord.
    """
    with _BUILDING, _swapped_globals(reserved):
        yield


@contextmanager
def _swapped_globals(reserved):
    random_state = random.getstate()
    counters = keras_global_state.get_global_attribute(_NAMES)
    keras_global_state.set_global_attribute(_NAMES, defaultdict(int, dict.fromkeys(reserved, 1)))
    try:
        yield
    finally:
        keras_global_state.set_global_attribute(_NAMES, counters)
        random.setstate(random_state)
