"""How long windows of training are: short in seconds, so that Ctrl-C has not long to wait."""

from collections.abc import Iterator
from math import ceil

# Python handles a signal after a window. The call takes less than a hundredth of a window of this
# length.
SECONDS = 0.5
# The first windows of a trainer are short, because TensorFlow optimises a graph in its first call.
_MOST_GROWTH = 8


class WindowLengths:
    """Cuts rows into windows that take about `SECONDS` each, by how long earlier windows took.

    Weights do not depend on the windows, because each has whole batches.
    """

    def __init__(self):
        self._n_rows = 0

    def windows(self, n_rows: int, batch_size: int, most_rows: int) -> Iterator[slice]:
        """Yield slices over rows, in order.

        Parameters
        ----------
        n_rows : int
            Number of rows.
        batch_size : int
            Every slice but the last is a multiple of this number of rows.
        most_rows : int
            Largest number of rows in a slice. A single batch may exceed it.
        """
        start = 0
        while start < n_rows:
            n_batches = max(1, min(self._n_rows, most_rows) // batch_size)
            stop = min(start + n_batches * batch_size, n_rows)
            yield slice(start, stop)
            start = stop

    def adapt(self, n_rows: int, seconds: float) -> None:
        """Take into account how long a window took."""
        # A window that the end of an epoch shortened does not predict the time of longer windows.
        if seconds < SECONDS and 2 * n_rows < self._n_rows:
            return
        most_rows = _MOST_GROWTH * n_rows
        self._n_rows = min(most_rows, ceil(n_rows * SECONDS / max(seconds, 1e-6)))
