"""Reports of a phase on its epochs during training."""

from collections.abc import Callable

from .._networks.architecture import Weights
from .history import History


class EpochHooks:
    """Hooks that a phase calls around each epoch; these do nothing."""

    def on_resume(self, n_epochs: int) -> None:
        """Run before the first epoch if `n_epochs` epochs were restored."""

    def on_epoch_begin(self) -> None:
        """Run before an epoch."""

    def on_epoch_end(self, history: History, get_weights: Callable[[], Weights]) -> bool:
        """Run after an epoch; return whether the phase must stop.

        Parameters
        ----------
        history : dict of str to list
            The values of all epochs of the phase until now.
        get_weights : callable
            ``get_weights() -> dict``: a copy of the network's weights, taken only if needed.
        """
        return False
