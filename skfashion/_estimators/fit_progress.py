"""Progress: scikit-learn's callbacks, and a line an epoch through `logging`.

scikit-learn's callbacks are experimental in 1.9. All that skfashion knows of them stands here.
"""

import logging
from contextlib import contextmanager

import numpy as np
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import _safe_indexing

__all__ = ["CallbackSupportMixin", "FitProgress"]

_SHOWN = ("loss", "accuracy", "val_loss", "val_accuracy")

logger = logging.getLogger("skfashion")


class FitProgress:
    """Reports a fit, its phases and their epochs.

    Parameters
    ----------
    estimator : TransferClassifier
        The estimator that is being fitted.
    n_phases : int
        Phases in this fit.
    X, y, sample_weight : array-like
        The arguments of `fit`.
    """

    def __init__(self, estimator, n_phases, X, y, sample_weight):
        self._estimator = estimator
        self._data = X, y, sample_weight
        self._fit = estimator._init_callback_context(max_subtasks=n_phases)
        self._fit.call_on_fit_task_begin(**self._task(slice(None)))
        if estimator.verbose:
            _show_log_lines()

    @contextmanager
    def phase(self, name, epochs, rows, fitted_attributes):
        """Report a phase; gives the function that reports its epochs.

        Parameters
        ----------
        name : str
            The phase.
        epochs : int
            Epochs that it takes at most.
        rows : ndarray of int
            Rows of the phase's task.
        fitted_attributes : callable
            ``fitted_attributes(weights) -> dict``: what makes a copy of the estimator predict
            with these weights.

        Yields
        ------
        begin_epoch : callable
            ``begin_epoch() -> end_epoch``, and ``end_epoch(record, get_weights) -> stop``.
        """
        task = self._task(rows)
        phase = self._fit.subcontext(task_name=name, max_subtasks=epochs)
        phase.call_on_fit_task_begin(**task)

        def begin_epoch():
            epoch = phase.subcontext(task_name="epoch")
            epoch.call_on_fit_task_begin(**task)

            def end_epoch(record, get_weights):
                if self._estimator.verbose:
                    _log_epoch(name, epoch.task_id + 1, epochs, record)
                return epoch.call_on_fit_task_end(
                    reconstruction_attributes=lambda: fitted_attributes(get_weights()), **task
                )

            return end_epoch

        yield begin_epoch
        phase.call_on_fit_task_end(**task)

    def finish(self):
        """Report the end of the fit."""
        self._fit.call_on_fit_task_end(**self._task(slice(None)))

    def _task(self, rows):
        """Return what hooks are told of a task; its data is only taken if one asks for it."""
        X, y, sample_weight = self._data
        metadata = None
        if sample_weight is not None:
            weights = np.broadcast_to(np.asarray(sample_weight), len(np.asarray(y)))
            metadata = {"sample_weight": weights[rows]}
        return {
            "estimator": self._estimator,
            "X": lambda: _safe_indexing(X, rows),
            "y": lambda: _safe_indexing(y, rows),
            "metadata": metadata,
        }


def _show_log_lines():
    """Make INFO lines visible where the application has not set up logging itself."""
    if not logger.hasHandlers():
        logger.addHandler(logging.StreamHandler())
    if logger.level == logging.NOTSET and not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)


def _log_epoch(phase, epoch, epochs, record):
    figures = ", ".join(f"{key} {value:.4f}" for key, value in record.items() if key in _SHOWN)
    logger.info("%s epoch %d/%d: %s (%.1f s)", phase, epoch, epochs, figures, record["seconds"])
