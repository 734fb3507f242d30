"""The methods of `TransferClassifier`: fit, predict, score, and saving the body's weights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from .._backbones.recipe import Recipe
from .._data.chunks import predict_in_chunks
from .._data.labels import format_labels
from .._data.named_errors import errors_name
from .._data.validation import (
    check_labels,
    check_rows,
    check_scored_data,
    check_weights_of_rows,
    input_kept_on_failure,
)
from .._interrupts import interrupts_deferred
from .fit_progress import CallbackSupportMixin
from .fitted_model_estimator import FittedModelEstimator
from .fitted_network import FittedState
from .fitted_summary import SummarizedAttributes, summarize_fit
from .option_checks import validates_further_calls
from .schedule_position import SchedulePosition

if TYPE_CHECKING:  # this module imports TensorFlow
    from .fit import Fit


class BaseTransferClassifier(CallbackSupportMixin, ClassifierMixin, FittedModelEstimator):
    """The methods of `TransferClassifier`, which declares their parameters."""

    recipe: Recipe | None
    # Pickles of early versions do not have it.
    _position: SchedulePosition | None = None

    # -- Parameters ------------------------------------------------------------------------

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the estimator, and options of its recipe as ``recipe__NAME``.

        Parameters
        ----------
        **params : dict
            Names and values. An option of a recipe creates a new `Recipe` if `recipe` is `None`.

        Returns
        -------
        self : TransferClassifier
            The estimator.
        """
        has_options = any(name.startswith("recipe__") for name in params)
        if has_options and params.get("recipe", self.recipe) is None:
            params = {**params, "recipe": Recipe()}
        return super().set_params(**params)

    # -- Fitting ---------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Pretrain on the source task, if there is one, and fine-tune on the target task.

        Ctrl-C ends `fit` with the last whole epoch on the target task, and a `ConvergenceWarning`.
        In these cases `fit` raises `KeyboardInterrupt` instead, and the estimator stays unchanged:
        before the first such epoch; during the comparison with the probe; in a second fit without
        `warm_start`; inside a search or another meta-estimator.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
            Images, flat rows, or n paths of files or images of any size.
        y : array-like of shape (n,)
            Labels of both tasks.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows, in both tasks, from 0; the largest from 1e-15 to 1e15. Each phase
            divides them by their mean. A probe counts them as repetitions. Rows of weight zero are
            dropped.
        X_val : array-like of shape (n_val, ...), default=None
            Validation images, as `X`, for `val_loss` and `val_accuracy` of each epoch, for early
            stopping, and to compare fine-tuned weights with a probe (see `head_init`). Each phase
            takes the rows of its classes.
        y_val : array-like of shape (n_val,), default=None
            Labels of the validation images.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation images.

        Returns
        -------
        self : TransferClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If data, parameters and weights do not match, a file cannot be read, or training
            diverges.
        FileNotFoundError
            If the file of `weights` or of an image does not exist, or official weights cannot be
            downloaded.
        PermissionError
            If a file may not be read.
        TypeError
            If `X` is an iterator, or mixes paths with other items.
        ModuleNotFoundError
            If TensorFlow is not installed, or Pillow for files and images of different sizes.
        RuntimeError
            In a process that was forked after TensorFlow started, or in the scope of a strategy of
            `tf.distribute`.
        """
        resumes = self.warm_start and self.__sklearn_is_fitted__()
        validation = X_val, y_val, sample_weight_val
        with self._fitting(X, y, sample_weight, validation, resumes=resumes) as fit:
            self._set_fitted_state(fit.run() if fit.fitted is None else fit.resume(fit.fitted))
        return self

    @validates_further_calls
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: Sequence | np.ndarray | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train one epoch on the rows of the target task.

        The first call pretrains on the source rows of its batch, if there are `pretrain_classes`.
        Later calls ignore source rows. The optimizer keeps its state between calls, unlike with
        `warm_start`. Learning rates are constant unless `schedule` or `warmup` is given, as a
        parameter or in `recipe`. These, and averages of weights, then extend over `epochs` calls.
        That many calls with the same rows, and an int as `random_state`, give the weights of one
        `fit`, if its rates are constant and its output layer starts at random.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
            Images, flat rows, or n paths of files or images of any size.
        y : array-like of shape (n,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels of the target task. Required in the first call.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows. Each call divides them by their mean, so only ratios within a call
            count.

        Returns
        -------
        self : TransferClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            With ``early_stopping=True``, or if data and parameters do not match.
        FileNotFoundError, PermissionError, TypeError, ModuleNotFoundError, RuntimeError
            As for `fit`.
        """
        if self.early_stopping:
            raise ValueError(
                "partial_fit trains one epoch and cannot stop early. Set early_stopping=False."
            )
        resumes = self.__sklearn_is_fitted__()
        if classes is not None:
            classes = check_labels(classes, "classes")
            if resumes and not np.array_equal(np.unique(classes), self.classes_):
                raise ValueError(
                    f"classes={format_labels(classes)} differs from that of the first call, "
                    f"{format_labels(self.classes_)}. Fit a new estimator for other classes."
                )
        how = {"resumes": resumes, "classes": classes, "is_partial": True}
        with self._fitting(X, y, sample_weight, **how) as fit:
            self._set_fitted_state(fit.run() if fit.fitted is None else fit.resume(fit.fitted))
        return self

    @contextmanager
    def _fitting(self, *data, **how) -> Iterator["Fit"]:
        """Prepare a fit, whose state is to be set, and report its end."""
        # An error leaves what is known about `X` with the model: the earlier or the new one.
        with input_kept_on_failure(self):
            from .prepare_fit import prepare_fit

            fit = prepare_fit(self, *data, **how)
            yield fit
        fit.progress.finish()

    @interrupts_deferred()
    def _set_fitted_state(self, state: FittedState) -> None:
        """Set the fitted state."""
        network = state.network
        self.classes_ = network.split.target
        self.source_classes_ = network.split.source
        self.image_shape_ = network.image_format.image_shape
        self.pixel_range_ = network.image_format.pixel_range
        self.freeze_point_ = network.freeze_point
        self.batch_size_ = state.settings.fine_tuning.batch_size
        self.input_size_ = network.architecture.body_size
        self.hidden_units_ = network.architecture.hidden_units
        self.body_until_ = network.architecture.backbone.stages[-1]
        self.head_init_ = "probe" if state.settings.probes else "random"
        self.kept_probe_ = state.kept_probe
        self.history_ = state.history
        self.pretrain_history_ = state.pretrain_history
        self.n_frozen_params_ = state.n_frozen_params
        self.n_trainable_params_ = state.n_trainable_params
        self.n_iter_ = len(state.history.get("loss", []))
        self._optimizer_state = state.optimizer_state
        self._fitted = network
        self._settings = state.settings
        self._position = state.schedule_position
        self._model = None

    def _fitted_state(self) -> FittedState:
        """Return the fitted state, to save it or to continue from it.

        A loaded estimator must not write into a folder that a file names.
        """
        return FittedState(
            network=replace(self._fitted, store=None),
            history=self.history_,
            pretrain_history=self.pretrain_history_,
            n_frozen_params=self.n_frozen_params_,
            n_trainable_params=self.n_trainable_params_,
            optimizer_state=self._optimizer_state,
            settings=self._settings,
            kept_probe=self.kept_probe_,
            position=self._position,
        )

    def _fitted_attributes(self, state: FittedState) -> dict[str, Any]:
        """Return the attributes of a fitted state, which callbacks get on a copy."""
        blank = type(self).__new__(type(self))
        blank._set_fitted_state(state)
        return dict(vars(blank))

    def _get_fitted_attr_html(self, doc_link=""):
        attributes = super()._get_fitted_attr_html(doc_link)
        return SummarizedAttributes(attributes, summarize_fit(self))

    # -- Prediction ------------------------------------------------------------------------

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class of the target task.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
            Images of the shape seen in `fit`, their flat rows, or n paths of files or images of any
            size.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Probabilities, in the order of `classes_`; float64 with ``dtype="float64"``, else
            float32.

        Raises
        ------
        ValueError
            If the images have another shape, or values that are not finite.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        FileNotFoundError, PermissionError, TypeError, ModuleNotFoundError, RuntimeError
            As for `fit`.
        """
        check_is_fitted(self)
        rows, _ = check_rows(self, X, self._fitted.image_format)
        return self._fitted.predict_proba(rows)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class of the target task.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
            Images of the shape seen in `fit`, their flat rows, or n paths of files or images of any
            size.

        Returns
        -------
        ndarray of shape (n,)
            Labels from `classes_`.

        Raises
        ------
        ValueError, sklearn.exceptions.NotFittedError, FileNotFoundError and others
            As for `predict_proba`.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy on the rows of the target task.

        Rows whose label `fit` saw outside the target task are left out. Rows with a label that
        `fit` never saw count as wrong. A large `X` is predicted in chunks of scikit-learn's
        `working_memory`.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c), (n, h*w*c) or (n,)
            Images, flat rows, or n paths of files or images of any size.
        y : array-like of shape (n,)
            True labels.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows.

        Returns
        -------
        float
            Accuracy, from 0 to 1.

        Raises
        ------
        ValueError
            If each label is known and outside the target task, labels have another type than in
            `fit`, or weights are invalid.
        """
        check_is_fitted(self)
        known = self._fitted.split.known
        labels, weight = check_scored_data(X, y, sample_weight, known)
        rows = np.flatnonzero(self._fitted.split.scored_rows(labels))
        if weight is not None:
            weight = check_weights_of_rows(weight[rows], rows)
        with errors_name("X"):
            predicted = predict_in_chunks(self.predict, X, rows)
        return accuracy_score(labels[rows], predicted, sample_weight=weight)

    # -- The network -----------------------------------------------------------------------

    def save_backbone_weights(self, path: str | PathLike) -> None:
        """Write the body's weights to a file that ``TransferClassifier(weights=path)`` reads.

        Parameters
        ----------
        path : str or path-like
            Path of the file, which ends in ``.weights.h5`` or ``.safetensors``. An interrupted
            write leaves the old file, or none.

        Raises
        ------
        OSError
            If the folder does not exist, or the file cannot be written.
        ValueError
            If the name has another ending.
        """
        check_is_fitted(self)
        self._fitted.save_backbone_weights(path)
