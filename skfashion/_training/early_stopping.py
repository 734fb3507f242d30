"""Early stopping: the weights of the epoch with the lowest validation loss."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

from .._networks.architecture import Weights


@dataclass(frozen=True)
class EarlyStoppingState:
    """State after the epochs until now.

    Parameters
    ----------
    best_loss : float, default=inf
        The lowest validation loss.
    best_weights : dict of str to ndarray, default=None
        The weights that have it.
    epochs_without_improvement : int, default=0
        Epochs since the last improvement.
    """

    best_loss: float = inf
    best_weights: Weights | None = None
    epochs_without_improvement: int = 0


class EarlyStopping:
    """Watches the validation loss over the epochs of a phase.

    Parameters
    ----------
    n_iter_no_change : int or None
        Epochs without improvement before training stops; `None` turns early stopping off.
    tol : float
        The least decrease of the validation loss that counts as an improvement.
    state : EarlyStoppingState, optional
        State to continue from. By default no epoch was seen.
    """

    def __init__(
        self,
        n_iter_no_change: int | None,
        tol: float,
        state: EarlyStoppingState | None = None,
    ):
        self._patience, self._tol = n_iter_no_change, tol
        self.state = state or EarlyStoppingState()

    def reset_patience(self) -> None:
        """Start counting again, because layers were unfrozen."""
        self.state = replace(self.state, epochs_without_improvement=0)

    def update(self, record: dict, get_weights: Callable[[], Weights]) -> bool:
        """Take an epoch's record into account; return whether to stop."""
        if self._patience is None:
            return False
        loss, state = record["val_loss"], self.state
        improved = loss < state.best_loss - self._tol
        n_epochs = 0 if improved else state.epochs_without_improvement + 1
        if loss < state.best_loss:
            self.state = EarlyStoppingState(loss, get_weights(), n_epochs)
        else:
            self.state = replace(state, epochs_without_improvement=n_epochs)
        return n_epochs >= self._patience

    @property
    def best_loss(self) -> float | None:
        """The lowest validation loss; `None` if early stopping is off."""
        return None if self._patience is None else float(self.state.best_loss)

    def best_weights(self, get_weights: Callable[[], Weights]) -> Weights:
        """Return the weights of the best epoch; the current ones if early stopping is off."""
        best = self.state.best_weights
        return get_weights() if best is None else best
