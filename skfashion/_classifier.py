"""TransferClassifier: the scikit-learn contract around a network that is trained in phases."""

import os
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from ._backbones import Backbone, get_backbone
from ._callbacks import CallbackSupportMixin, FitProgress
from ._classes import split_classes, split_first_batch
from ._images import ImageFormat, as_rows
from ._meta_estimators import refuse_class_split_inside
from ._samples import Samples

_OPTIMIZERS = {
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "ftrl",
    "lamb",
    "lion",
    "nadam",
    "rmsprop",
    "sgd",
}


class TransferClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Image classifier that learns one task and is fine-tuned on another.

    [docstring]
    """

    _parameter_constraints: dict = {
        "backbone": [str, Backbone],
        "weights": [str, os.PathLike, None],
        "pretrain_classes": ["array-like", None],
        "target_classes": ["array-like", None],
        "freeze_until": [str, Integral, None],
        "output_layer": [StrOptions({"new", "keep"})],
        "pretrain_epochs": [Interval(Integral, 0, None, closed="left")],
        "epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "optimizer": [StrOptions(_OPTIMIZERS)],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "hidden_units": [Interval(Integral, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "feature_dropout": [Interval(Real, 0, 1, closed="left")],
        "augmentation": [str, "array-like", dict, None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "image_shape": [tuple, list, None],
        "input_size": [Interval(Integral, 1, None, closed="left"), None],
        "dtype": [StrOptions({"float32", "float64", "mixed_bfloat16"})],
    }

    def __init__(
        self,
        backbone="small_cnn",
        *,
        weights=None,
        pretrain_classes=None,
        target_classes=None,
        freeze_until="auto",
        output_layer="new",
        pretrain_epochs=5,
        epochs=5,
        batch_size=128,
        optimizer="adam",
        learning_rate=None,
        hidden_units=128,
        dropout=0.5,
        feature_dropout=0.25,
        augmentation=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        tol=1e-4,
        class_weight=None,
        warm_start=False,
        random_state=None,
        verbose=0,
        image_shape=None,
        input_size=None,
        dtype="float32",
    ):
        self.backbone = backbone
        self.weights = weights
        self.pretrain_classes = pretrain_classes
        self.target_classes = target_classes
        self.freeze_until = freeze_until
        self.output_layer = output_layer
        self.pretrain_epochs = pretrain_epochs
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.feature_dropout = feature_dropout
        self.augmentation = augmentation
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.image_shape = image_shape
        self.input_size = input_size
        self.dtype = dtype

    # -- Fitting ---------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Pretrain on the source task, if there is one, and train on the target task.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
            Images, or flat rows.
        y : array-like of shape (n,)
            Labels of both tasks.
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, in both tasks. Rows of weight zero are dropped.
        X_val, y_val, sample_weight_val : array-like, optional
            Rows to watch: every epoch's `val_loss` and `val_accuracy` are on them, and early
            stopping goes by them. Each phase takes those of its own classes.

        Returns
        -------
        self : TransferClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters do not fit together, or training diverges.
        """
        goes_on = self.warm_start and hasattr(self, "classes_")
        watched = _given_together(X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, watched, goes_on=goes_on, epochs=self.epochs)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train one epoch on the rows of the target task.

        The first call pretrains, if there are `pretrain_classes`, on the source rows of its
        batch; later calls leave such rows out. Unlike with `warm_start`, the optimizer goes on
        where it stood: as many calls with the same rows as `fit` has epochs give the same
        weights.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
            Images, or flat rows.
        y : array-like of shape (n,)
            Labels.
        classes : array-like, optional
            All labels of the target task. Needed on the first call.
        sample_weight : array-like of shape (n,), optional
            Weights of the rows.

        Returns
        -------
        self : TransferClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            With ``early_stopping=True``, or if data or parameters do not fit together.
        """
        if self.early_stopping:
            raise ValueError(
                "partial_fit trains one epoch and cannot stop early. Set early_stopping=False."
            )
        goes_on = hasattr(self, "classes_")
        if goes_on and classes is not None and set(classes) != set(self.classes_.tolist()):
            raise ValueError(
                f"classes={list(classes)} differs from that of the first call, "
                f"{self.classes_.tolist()}. Fit a new estimator for other classes."
            )
        return self._fit(
            X, y, sample_weight, None, goes_on=goes_on, epochs=1, classes=classes, partial=True
        )

    def _fit(self, X, y, sample_weight, watched, *, epochs, goes_on, classes=None, partial=False):
        from ._fitting import Fit

        if self.pretrain_classes is not None:
            refuse_class_split_inside()
        samples, shape = self._check_samples(X, y, sample_weight, reset=not goes_on)
        split = self._split_labels(samples.y, goes_on, classes, partial)
        samples = samples.of_classes(split.used)
        image_format = self._image_format(samples.X, shape, goes_on)
        watched = watched and self._check_watched(watched, image_format, split)

        progress = FitProgress(self, 1 + (split.pretrains and not goes_on), X, y, sample_weight)
        fit = Fit(self, image_format, samples, watched, split, progress)
        if goes_on:
            fitted = fit.go_on(self, epochs, keep_optimizer=partial)
        else:
            fitted = fit.from_scratch(epochs, keep_optimizer=partial)
        vars(self).update(fitted)
        progress.finish()
        return self

    def _check_samples(self, X, y, sample_weight, reset, image_shape=None):
        """Validate rows with labels; return them, without those of weight zero, and their shape."""
        rows, shape = self._check_rows(X, reset, image_shape, y=y)
        rows, y = rows
        check_classification_targets(y)
        if sample_weight is None:
            weight = np.ones(len(y))
        else:
            weight = _check_sample_weight(
                sample_weight, rows, dtype=np.float64, ensure_non_negative=True
            )
        return Samples.of_positive_weight(rows, y, weight), shape

    def _check_rows(self, X, reset, image_shape=None, **y):
        """Validate `X`, as images or flat; the same for fit and predict."""
        rows, shape = as_rows(X)
        if None not in (shape, image_shape) and shape != image_shape:
            raise ValueError(
                f"X has images of shape {shape}, but {type(self).__name__} was fitted on images "
                f"of shape {image_shape}. Resize or crop them to that."
            )
        return validate_data(self, rows, reset=reset, **y), shape

    def _check_watched(self, watched, image_format, split):
        samples, _ = self._check_samples(
            *watched, reset=False, image_shape=image_format.image_shape
        )
        return samples.of_classes(split.used)

    def _split_labels(self, y, goes_on, classes, partial):
        if goes_on:
            self._split.check_further(y, all_classes=not partial)
            return self._split
        if partial:
            return split_first_batch(y, classes, self.pretrain_classes, self.target_classes)
        return split_classes(y, self.pretrain_classes, self.target_classes)

    def _image_format(self, rows, shape, goes_on):
        if goes_on:
            return ImageFormat(self.image_shape_, self.pixel_range_)
        min_side = get_backbone(self.backbone).min_size
        return ImageFormat.learn(rows, shape, self.image_shape, min_side)

    # -- Prediction ------------------------------------------------------------------------

    def predict_proba(self, X):
        """Return the probability of each class of the target task.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
            Images of the shape seen in `fit`, or flat rows of such.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Probabilities, in the order of `classes_`; float64 with ``dtype="float64"``, else
            float32.

        Raises
        ------
        ValueError
            If the images are of another shape.
        """
        from ._network import get_network

        check_is_fitted(self)
        rows, _ = self._check_rows(X, reset=False, image_shape=self.image_shape_)
        image_format = ImageFormat(self.image_shape_, self.pixel_range_)
        image_format.warn_if_outside(rows)
        images = image_format.images(rows, self._architecture.float_type)
        return get_network(self._architecture).predict_proba(self._weights, images)

    def predict(self, X):
        """Return the most probable class of the target task.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
            Images of the shape seen in `fit`, or flat rows of such.

        Returns
        -------
        ndarray of shape (n,)
            Labels out of `classes_`.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def score(self, X, y, sample_weight=None):
        """Return the accuracy on the rows of the target task.

        Rows whose label `fit` saw outside the target task are left out. Labels that it never
        saw count as wrong.

        Parameters
        ----------
        X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c)
            Images, or flat rows.
        y : array-like of shape (n,)
            True labels.
        sample_weight : array-like of shape (n,), optional
            Weights of the rows.

        Returns
        -------
        float
            Accuracy, from 0 to 1.

        Raises
        ------
        ValueError
            If no row has a label of the target task.
        """
        check_is_fitted(self)
        y = column_or_1d(y)
        check_consistent_length(X, y, sample_weight)
        rows = np.flatnonzero(self._split.scored_rows(y))
        if sample_weight is not None:
            sample_weight = _safe_indexing(sample_weight, rows)
        return accuracy_score(
            y[rows], self.predict(_safe_indexing(X, rows)), sample_weight=sample_weight
        )

    # -- The network -----------------------------------------------------------------------

    @property
    def model_(self):
        """The fitted network as a Keras model of its own, from images to probabilities.

        It takes images of shape `image_shape_` in the units of the `X` of `fit`. It is built on
        first access. Changing it does not change what the estimator predicts.
        """
        from ._network import build_fitted_model

        if not hasattr(self, "_weights"):
            raise AttributeError(
                f"This {type(self).__name__} instance is not fitted yet: model_ is there after fit."
            )
        if self._model is None:
            self._model = build_fitted_model(self._architecture, self._weights, self.pixel_range_)
        return self._model

    def save_backbone_weights(self, path):
        """Write the body's weights to a file, for ``TransferClassifier(weights=path)``.

        Parameters
        ----------
        path : str or path-like
            Where to; the name ends in ``.weights.h5``. An interrupted write leaves the old file,
            or none.

        Raises
        ------
        ValueError
            For another ending.
        """
        from ._network import get_network

        check_is_fitted(self)
        get_network(self._architecture).save_body(self._weights, path)

    def __getstate__(self):
        return {**super().__getstate__(), "_model": None}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _given_together(X_val, y_val, sample_weight_val):
    """Return validation data as a tuple, or `None`; half of it is an error."""
    if (X_val is None) != (y_val is None):
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was passed to fit without {missing}. Pass both or neither.")
    return None if X_val is None else (X_val, y_val, sample_weight_val)
