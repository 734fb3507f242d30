"""Named random streams, all from one `random_state`."""

import secrets
from zlib import crc32

import numpy as np


class RandomStreams:
    """Seeds for everything that is random in a fit, each found by name.

    A stream depends on its own name only, so what is drawn for the classifier head, say, does
    not shift when the body draws more. Nothing here reads or moves a global random state.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState or None
        As everywhere in scikit-learn, but `None` takes fresh entropy from the operating
        system instead of drawing from NumPy's global state.

    Attributes
    ----------
    root : int
        What all streams come from, together with their names.
    """

    def __init__(self, random_state):
        if random_state is None:
            self.root = secrets.randbits(64)
        elif isinstance(random_state, np.random.RandomState):
            self.root = int(random_state.randint(np.iinfo(np.int32).max))
        else:
            self.root = int(random_state)

    def _sequence(self, *name):
        key = crc32("/".join(map(str, name)).encode())
        return np.random.SeedSequence([self.root, key])

    def generator(self, *name) -> np.random.Generator:
        """Return a NumPy generator for the stream of this name."""
        return np.random.default_rng(self._sequence(*name))

    def integer(self, *name) -> int:
        """Return a 31-bit seed for the stream of this name."""
        return int(self._sequence(*name).generate_state(1)[0] >> 1)
