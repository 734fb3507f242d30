"""Named random streams, all derived from one `random_state`."""

import secrets
from zlib import crc32

import numpy as np


class RandomStreams:
    """Seeds for everything random in a fit, each found by name.

    A stream depends only on `random_state` and its name. For example, the numbers of the head do
    not change if the body draws more of them. No global random state is read or changed.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState or None
        As in scikit-learn, except that `None` takes fresh entropy from the operating system
        instead of drawing from NumPy's global state.

    Attributes
    ----------
    root : int
        The seed that all streams are derived from, together with their names.
    """

    def __init__(self, random_state):
        if random_state is None:
            self.root = secrets.randbits(64)
        elif isinstance(random_state, np.random.RandomState):
            self.root = int(random_state.randint(np.iinfo(np.int32).max))
        else:
            self.root = int(random_state)

    def _sequence(self, *name) -> np.random.SeedSequence:
        key = crc32("/".join(map(str, name)).encode())
        return np.random.SeedSequence([self.root, key])

    def generator(self, *name) -> np.random.Generator:
        """Return a NumPy generator for the stream of this name."""
        return np.random.default_rng(self._sequence(*name))

    def integer(self, *name) -> int:
        """Return a 31-bit seed for the stream of this name."""
        return int(self._sequence(*name).generate_state(1)[0] >> 1)
