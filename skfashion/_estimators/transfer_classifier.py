"""TransferClassifier: the scikit-learn contract around a network that is trained in phases."""

import os
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from .._backbones.spec import SCHEDULES
from .._data.class_split import split_classes, split_first_batch
from .._data.images import ImageFormat
from .._data.row_subset import RowSubset, chunks_in_working_memory
from .._data.validation import (
    check_rows,
    check_training_data,
    check_validation_data,
    input_kept_on_failure,
)
from .backbone_estimator import BackboneEstimator
from .fit_progress import CallbackSupportMixin, FitProgress
from .meta_estimators import refuse_class_split_inside

_OPTIMIZERS = {
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "ftrl",
    "lion",
    "nadam",
    "rmsprop",
    "sgd",
}


class TransferClassifier(CallbackSupportMixin, ClassifierMixin, BackboneEstimator):
    """Image classifier that learns one task and is fine-tuned on another.

    The class-split protocol of transfer learning: the network is pretrained on the rows of some
    classes (the source task), its early layers are frozen, and the rest is fine-tuned on the rows
    of the others (the target task). Without `pretrain_classes` it is trained on all rows, from
    random weights or from those of a file.

    Parameters
    ----------
    backbone : str or Backbone, default="small_cnn"
        The network's body: a name of `list_backbones`, or a `Backbone`.
    weights : str or path-like, default=None
        Where the body starts: `None` for random weights; "imagenet" for the official release,
        fetched by `fit`, checked by its published hash and kept in Keras' cache; or the path of a
        file: ``.weights.h5`` or ``.safetensors``, as `save_backbone_weights` writes them, a
        ``.keras`` archive, or an ``.h5`` file as of the official releases, with or without top.
        Only arrays are read from files, never code.
    pretrain_classes : array-like, default=None
        Labels of the source task; `None` for no pretraining.
    target_classes : array-like, default=None
        Labels of the target task; `None` for all that are not in `pretrain_classes`. Rows in
        neither are ignored.
    freeze_until : str, int or None, default="auto"
        The last frozen point, before fine-tuning: `None` freezes nothing, "features" the whole
        body, the name of a stage or layer all up to it, a number so many of the body's stages (0
        nothing, -1 all but the last). Layers of the head (``"dense"``) go by name only. "auto" is
        the backbone's own default where there is something worth keeping (`weights` or
        `pretrain_classes`), "features" for the small CNN; else nothing. What is frozen is
        bit-identical after `fit`.
    output_layer : {"new", "keep"}, default="new"
        After pretraining the head's hidden layer stays. "keep" keeps the output layer, too, as the
        reference protocol does; both tasks then need the same number of classes.
    pretrain_epochs : int, default=5
        Passes over the source rows.
    epochs : int, default=5
        Passes over the target rows.
    batch_size : int, default=128
        Rows in a step of training.
    optimizer : str, default="adam"
        Name of a Keras optimizer.
    learning_rate : float, default=None
        Learning rate of the head, on the target task. `None` is the backbone's recipe; for the
        small CNN, the optimizer's own default.
    pretrain_learning_rate : float, default=None
        The same on the source task. It is a parameter of its own so that a search over
        `learning_rate` can share one pretraining.
    body_learning_rate : float, default=None
        Learning rate of the body's last stage, on the target task. `None` is the backbone's
        recipe: the same as the head's for the small CNN and from random weights, else a fraction
        of it.
    layer_decay : float, default=None
        What the learning rate is multiplied with from each stage of the body to the one in front
        of it, on the target task. `None` is the backbone's recipe, 1 for those that ship.
    schedule : {"constant", "cosine"}, default=None
        How learning rates go over a phase: as they are, or down to zero by half a cosine [2]_.
        `None` is the backbone's recipe: "constant" for the small CNN, "cosine" for the others.
    warmup : float, default=None
        Share of a phase in which learning rates first rise from zero. `None` is the backbone's
        recipe: 0 for the small CNN.
    clip_norm : float, default=None
        Largest norm of all gradients together; ``numpy.inf`` for no bound. `None` is the
        backbone's recipe: no bound for the small CNN, 1 for the others.
    head_epochs : int, default=0
        Epochs out of `epochs` that first train the head alone, behind the frozen body.
    epochs_per_stage : int, default=0
        Gradual unfreezing [3]_: after `head_epochs` the body thaws from behind, a stage every so
        many epochs, down to `freeze_until`; 0 thaws it at once. Whenever something thaws, the
        optimizer begins afresh.
    hidden_units : int, default=128
        Width of the head's hidden layer; 0 for none.
    dropout : float, default=0.5
        Share of the hidden layer that each step of training drops.
    feature_dropout : float, default=0.25
        Share of the body's output that each step of training drops. It lies behind the freeze
        point of every part of the body.
    augmentation : str, list of str or dict, default=None
        Random changes of the training images: "flip", "rotate", "zoom", "shift", "erase". A dict
        gives amounts: "horizontal", "vertical" or "both"; degrees (15); fractions of the image
        (0.1, 0.1); the probability (0.25).
    early_stopping : bool, default=False
        Stop a phase when its validation loss has not improved for `n_iter_no_change` epochs, and
        take back the weights of its best epoch. Off, exactly as many epochs run as are asked for.
    validation_fraction : float, default=0.1
        Share of its rows, stratified, that each phase holds out for early stopping, unless `fit`
        is given `X_val`. They are not augmented.
    n_iter_no_change : int, default=5
        Epochs without improvement before a phase stops.
    tol : float, default=1e-4
        What the validation loss must fall by to count as improved.
    class_weight : dict or "balanced", default=None
        Weights of classes, of both tasks; "balanced" is computed for each phase.
    warm_start : bool, default=False
        A further `fit` trains `epochs` more from where it stands, with a fresh optimizer and
        without pretraining. `freeze_until` may change in between.
    random_state : int, RandomState instance or None, default=None
        Seeds initial weights, dropout, shuffles, augmentation and validation split. Pass an int
        for the same bits in every fit, on the same machine. `None` takes fresh entropy from the
        operating system; no global random state is read or changed.
    verbose : int, default=0
        1 logs a line an epoch, through the logger ``skfashion``.
    image_shape : tuple, default=None
        (height, width) or (height, width, channels) that flat rows fold into; by default a square
        grey or RGB image if their length allows it, else a padded square.
    input_size : int, default=None
        Side, in pixels, that images are resized to; by default they stay as they are, but for
        such as are smaller than the backbone takes.
    dtype : {"float32", "float64", "mixed_bfloat16"}, default="float32"
        What the network computes in. Keras' global setting is neither read nor changed.
    memory : str, path-like or joblib.Memory, default=None
        A folder in which fits share what a freeze makes constant, with clones, folds of a search,
        other processes and later days: pretraining, and the frozen part's features, image by
        image. Prediction reads and keeps features there, too. With a constant `schedule`, a fit
        with more epochs goes on from one with fewer. What is found has the same bits as what is
        computed. Only arrays are read from it, never code.
    memory_limit : int or str, default=None
        Bytes that the folder may take, as a number or such as "20G": what was not used for longest
        goes first. `None` for half of the space that is there.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the target task.
    source_classes_ : ndarray of shape (n_source_classes,)
        Labels of the source task; empty without one.
    n_features_in_ : int
        Numbers in an image, height x width x channels.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of columns, if `X` had any.
    image_shape_ : tuple of (height, width, channels)
        Shape of an image.
    pixel_range_ : tuple of (black, white)
        The values that mean black and white: 0 and 255 for uint8; for other numbers 0 and 1, or 0
        and 255, if all lie there, else their minimum and maximum.
    model_ : keras.Model
        The fitted network as a model of its own, built on first access: from images of
        `image_shape_`, in the units of the `X` of `fit`, to probabilities. Changing it does not
        change what the estimator predicts.
    history_ : dict of str to list
        For each epoch on the target task: "loss" and "accuracy" while training, "val_loss" and
        "val_accuracy" where rows are watched; "features", what became of the frozen part's
        features: "nothing frozen", "kept", "memory-mapped" or "recomputed"; and "seconds". The
        first epoch's seconds have the pass through the frozen part in them, where its features are
        kept, and the first fit's the building of the network.
    pretrain_history_ : dict of str to list
        The same for the source task; empty without one.
    freeze_point_ : str or None
        What `freeze_until` came to.
    n_frozen_params_ : int
        Numbers in front of the freeze point.
    n_trainable_params_ : int
        Numbers behind it that were trained.
    n_iter_ : int
        Epochs on the target task.

    See Also
    --------
    skfashion.model_selection.ClassSplitCV : Cross-validation on a class split.
    skfashion.model_selection.target_scorer : Scorers on a class split.

    Notes
    -----
    The small CNN has 600,165 parameters with five classes, 9,568 of them in its body. Splitting
    classes into a source and a target task is how [1]_ measured what layers have in common.

    Inside meta-estimators that encode, binarise or re-score `y` (voting, stacking, bagging,
    boosting, calibration, one-vs-rest) a class split is an error: pretrain once, and pass
    ``weights=path``.

    References
    ----------
    .. [1] Yosinski, Clune, Bengio, Lipson: "How transferable are features in deep neural
       networks?", NIPS 2014, arXiv:1411.1792.
    .. [2] Loshchilov, Hutter: "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
       arXiv:1608.03983.
    .. [3] Howard, Ruder: "Universal Language Model Fine-tuning for Text Classification", ACL 2018,
       arXiv:1801.06146.

    Examples
    --------
    >>> from skfashion import TransferClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    >>> clf = TransferClassifier(pretrain_classes=[5, 6, 7, 8, 9], epochs=2, random_state=0)
    >>> clf.fit(X, y).classes_
    array([0, 1, 2, 3, 4])
    >>> clf.n_frozen_params_, clf.n_trainable_params_
    (9568, 590597)
    >>> clf.score(X_test, y_test) > 0.7
    True
    """

    _parameter_constraints: dict = {
        **BackboneEstimator._parameter_constraints,
        "pretrain_classes": ["array-like", None],
        "target_classes": ["array-like", None],
        "freeze_until": [str, Integral, None],
        "output_layer": [StrOptions({"new", "keep"})],
        "pretrain_epochs": [Interval(Integral, 0, None, closed="left")],
        "epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "optimizer": [StrOptions(_OPTIMIZERS)],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "pretrain_learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "body_learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "layer_decay": [Interval(Real, 0, None, closed="neither"), None],
        "schedule": [StrOptions(set(SCHEDULES)), None],
        "warmup": [Interval(Real, 0, 1, closed="left"), None],
        "clip_norm": [Interval(Real, 0, None, closed="neither"), Options(Real, {np.inf}), None],
        "head_epochs": [Interval(Integral, 0, None, closed="left")],
        "epochs_per_stage": [Interval(Integral, 0, None, closed="left")],
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
        "verbose": ["verbose"],
        "memory": [str, os.PathLike, HasMethods(["cache"]), None],
        "memory_limit": [Interval(Integral, 1, None, closed="left"), str, None],
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
        pretrain_learning_rate=None,
        body_learning_rate=None,
        layer_decay=None,
        schedule=None,
        warmup=None,
        clip_norm=None,
        head_epochs=0,
        epochs_per_stage=0,
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
        memory=None,
        memory_limit=None,
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
        self.pretrain_learning_rate = pretrain_learning_rate
        self.body_learning_rate = body_learning_rate
        self.layer_decay = layer_decay
        self.schedule = schedule
        self.warmup = warmup
        self.clip_norm = clip_norm
        self.head_epochs = head_epochs
        self.epochs_per_stage = epochs_per_stage
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
        self.memory = memory
        self.memory_limit = memory_limit

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
        FileNotFoundError
            If there is no file of `weights`.
        """
        goes_on = self.warm_start and hasattr(self, "classes_")
        watched = X_val, y_val, sample_weight_val
        with input_kept_on_failure(self):
            return self._fit(X, y, sample_weight, watched, goes_on=goes_on, epochs=self.epochs)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train one epoch on the rows of the target task.

        The first call pretrains, if there are `pretrain_classes`, on the source rows of its
        batch; later calls leave such rows out. Unlike with `warm_start`, the optimizer goes on
        where the last call of `partial_fit` left it. Rates stay constant unless `schedule` or
        `warmup` are given, which then go over `epochs` calls; with such rates as many calls with
        the same rows as `fit` has epochs give the same weights.

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
        with input_kept_on_failure(self):
            return self._fit(
                X, y, sample_weight, goes_on=goes_on, epochs=1, classes=classes, partial=True
            )

    def _fit(
        self,
        X,
        y,
        sample_weight,
        watched=(None, None, None),
        *,
        epochs,
        goes_on,
        classes=None,
        partial=False,
    ):
        from .fit import Fit

        if self.pretrain_classes is not None:
            refuse_class_split_inside()
        image_shape = self.image_shape_ if goes_on else None
        samples, shape = check_training_data(self, X, y, sample_weight, image_shape)
        split = self._split_labels(samples.y, goes_on, classes, partial)
        samples = samples.of_classes(split.used)
        image_format = self._image_format(samples.X, shape, goes_on)
        watched = check_validation_data(self, watched, image_format.image_shape)
        if watched is not None:
            split.check_validation_data(watched.y)

        progress = FitProgress(self, 1 + (split.pretrains and not goes_on), X, y, sample_weight)
        fit = Fit(self, image_format, samples, watched, split, progress, partial)
        fitted = fit.go_on(self, epochs) if goes_on else fit.from_scratch(epochs)
        for name, value in fitted.items():
            setattr(self, name, value)
        progress.finish()
        return self

    def _split_labels(self, y, goes_on, classes, partial):
        if goes_on:
            self._split.check_same_classes(y, self.target_classes, all_classes=not partial)
            return self._split
        if partial:
            return split_first_batch(y, classes, self.pretrain_classes, self.target_classes)
        return split_classes(y, self.pretrain_classes, self.target_classes)

    def _image_format(self, rows, shape, goes_on):
        if goes_on:
            return ImageFormat(self.image_shape_, self.pixel_range_)
        return ImageFormat.learn(rows, shape, self.image_shape)

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
        from .._networks.frozen_part import FrozenPart
        from .._networks.network import get_network

        check_is_fitted(self)
        rows, _ = check_rows(self, X, self.image_shape_)
        image_format = ImageFormat(self.image_shape_, self.pixel_range_)
        images = image_format.images(RowSubset(rows), self._architecture.float_type)
        network = get_network(self._architecture)
        frozen = FrozenPart(network, self.freeze_point_, self._weights, self._store)
        return frozen.predict_proba(images)

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
        saw count as wrong. Of large arrays, scikit-learn's `working_memory` is predicted at a time.

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
        parts = chunks_in_working_memory(rows, getattr(X, "nbytes", 0) // len(y))
        predicted = np.concatenate([self.predict(_safe_indexing(X, part)) for part in parts])
        return accuracy_score(y[rows], predicted, sample_weight=sample_weight)

    # -- The network -----------------------------------------------------------------------

    def __getattr__(self, name):
        # model_ is no property, because scikit-learn's notebook representation reads every
        # attribute that dir() lists, and reading this one builds a network.
        if name != "model_" or "_weights" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if self._model is None:
            from .._networks.fitted_model import build_fitted_model

            self._model: Any = build_fitted_model(
                self._architecture, self._weights, self.pixel_range_, self.freeze_point_
            )
        return self._model

    def save_backbone_weights(self, path):
        """Write the body's weights to a file, for ``TransferClassifier(weights=path)``.

        Parameters
        ----------
        path : str or path-like
            Where to; the name ends in ``.weights.h5`` or ``.safetensors``. An interrupted write
            leaves the old file, or none.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            For another ending.
        """
        from .._networks.network import get_network
        from .._networks.weight_files import save_body_weights

        check_is_fitted(self)
        save_body_weights(self._weights, get_network(self._architecture), path)

    def __sklearn_is_fitted__(self):
        return "_weights" in vars(self)

    def __getstate__(self):
        return {**super().__getstate__(), "_model": None}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
