"""Global random state: left as it was found."""

import random
from contextlib import contextmanager


@contextmanager
def global_random_state_kept():
    """Put Python's global random state back afterwards.

    Keras draws a default seed from it for every layer and initialiser that is built without
    one of its own; what they are seeded with here never depends on it.
    """
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
