"""Early stopping: the weights of the epoch with the lowest validation loss."""

from collections.abc import Callable

import numpy as np

from .._networks.architecture import Weights


class EarlyStopping:
    """Watches the validation loss over the epochs of a phase.

    Parameters
    ----------
    n_iter_no_change : float or None
        Epochs without improvement before training stops, infinite to keep the best epoch of all;
        `None` turns early stopping off.
    tol : float
        The least decrease of the validation loss that counts as an improvement.
    """

    def __init__(self, n_iter_no_change: float | None, tol: float):
        self._patience, self._tol = n_iter_no_change, tol
        self._best_loss = np.inf
        self._best_weights: Weights | None = None
        self._epochs_without_improvement = 0

    def reset_patience(self) -> None:
        """Start counting again, because layers were unfrozen."""
        self._epochs_without_improvement = 0

    def update(self, record: dict, get_weights: Callable[[], Weights]) -> bool:
        """Take an epoch's record into account; return whether to stop."""
        if self._patience is None:
            return False
        loss = record["val_loss"]
        improved = loss < self._best_loss - self._tol
        self._epochs_without_improvement = 0 if improved else self._epochs_without_improvement + 1
        if loss < self._best_loss:
            self._best_loss, self._best_weights = loss, get_weights()
        return self._epochs_without_improvement >= self._patience

    @property
    def best_loss(self) -> float | None:
        """The lowest validation loss; `None` if early stopping is off."""
        return None if self._patience is None else float(self._best_loss)

    def best_weights(self, get_weights: Callable[[], Weights]) -> Weights:
        """Return the weights of the best epoch; the current ones if early stopping is off."""
        return get_weights() if self._best_weights is None else self._best_weights
