"""Progress: scikit-learn's callbacks, and a line an epoch through `logging`.

scikit-learn's callbacks are experimental in 1.9. All code that depends on them is here.
"""

import logging
import sys
from collections.abc import Callable
from contextlib import contextmanager

import numpy as np
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import _safe_indexing

from .._networks.architecture import Weights
from .._training.history import History
from .._training.hooks import EpochHooks

__all__ = ["CallbackSupportMixin", "FitProgress"]

_SHOWN = ("loss", "accuracy", "val_loss", "val_accuracy")

logger = logging.getLogger("skfashion")


class FitProgress:
    """Reports a fit, its phases and their epochs to callbacks and to the log.

    Parameters
    ----------
    estimator : TransferClassifier
        The estimator that is being fitted.
    n_phases : int
        Number of phases in this fit.
    X, y, sample_weight : array-like
        The arguments of `fit`.
    """

    def __init__(self, estimator, n_phases, X, y, sample_weight):
        self._estimator = estimator
        self._data = X, y, sample_weight
        self._context = estimator._init_callback_context(max_subtasks=n_phases)
        self._context.call_on_fit_task_begin(**self._task(slice(None)))
        if estimator.verbose:
            _show_log_lines()

    @contextmanager
    def phase(self, name, n_epochs, rows, get_attributes: Callable[[History, Weights], dict]):
        """Report a phase; give the hooks that report its epochs.

        Parameters
        ----------
        name : str
            The phase.
        n_epochs : int
            The most epochs that it trains.
        rows : ndarray of int
            Rows of the phase's task in the arguments of `fit`.
        get_attributes : callable
            ``get_attributes(history, weights) -> dict``: the attributes of a copy of the estimator
            that is fitted with these weights.

        Yields
        ------
        hooks : EpochHooks
            Functions that the phase calls around each epoch.
        """
        task = self._task(rows)
        context = self._context.subcontext(task_name=name, max_subtasks=n_epochs)
        context.call_on_fit_task_begin(**task)
        log_name = name if self._estimator.verbose else None
        yield _CallbackHooks(context, task, get_attributes, log_name, n_epochs)
        context.call_on_fit_task_end(**task)

    def finish(self):
        """Report the end of the fit."""
        self._context.call_on_fit_task_end(**self._task(slice(None)))

    def _task(self, rows):
        """Return the arguments of callbacks; data is only indexed if a callback asks for it."""
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


class _CallbackHooks(EpochHooks):
    """Passes the epochs of a phase on to scikit-learn's callbacks, and logs them.

    `log_name` is the phase's name in the log, `None` for no log.
    """

    def __init__(self, phase_context, task, get_attributes, log_name, n_epochs):
        self._phase_context, self._task = phase_context, task
        self._get_attributes = get_attributes
        self._log_name, self._n_epochs = log_name, n_epochs

    def on_resume(self, n_epochs):
        # Restored epochs have numbers, so that those of the others are right.
        for _ in range(n_epochs):
            self._phase_context.subcontext(task_name="epoch")

    def on_epoch_begin(self):
        self._context = self._phase_context.subcontext(task_name="epoch")
        self._context.call_on_fit_task_begin(**self._task)

    def on_epoch_end(self, history, get_weights):
        if self._log_name:
            record = {name: values[-1] for name, values in history.items()}
            _log_epoch(self._log_name, self._context.task_id + 1, self._n_epochs, record)
        return self._context.call_on_fit_task_end(
            reconstruction_attributes=lambda: self._get_attributes(history, get_weights()),
            **self._task,
        )


class _StderrHandler(logging.StreamHandler):
    """Writes to the current `sys.stderr`: notebooks and `redirect_stderr` replace it."""

    def __init__(self):
        logging.Handler.__init__(self)  # that of `StreamHandler` stores the stream

    @property
    def stream(self):
        return sys.stderr


def _show_log_lines():
    """Make INFO lines visible where the application has not set up logging."""
    if not logger.hasHandlers():
        logger.addHandler(_StderrHandler())
    if logger.level == logging.NOTSET and not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)


def _log_epoch(phase, epoch, n_epochs, record):
    figures = ", ".join(f"{key} {value:.4f}" for key, value in record.items() if key in _SHOWN)
    logger.info("%s epoch %d/%d: %s (%.1f s)", phase, epoch, n_epochs, figures, record["seconds"])
