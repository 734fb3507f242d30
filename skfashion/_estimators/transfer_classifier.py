"""TransferClassifier and its parameters."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from joblib import Memory
from numpy.typing import ArrayLike

from .._backbones.recipe import Recipe
from .._backbones.spec import Backbone
from .backbone_estimator import BackboneEstimator
from .base_classifier import BaseTransferClassifier
from .constraints import CLASSIFIER_CONSTRAINTS


class TransferClassifier(BaseTransferClassifier):
    """Image classifier that is pretrained on one task and fine-tuned on another.

    The class-split protocol of transfer learning has three steps. The network is pretrained on the
    rows of the source classes. Its early layers are frozen. The other layers are fine-tuned on the
    rows of the target classes. Without `pretrain_classes` the network is trained on all rows, from
    random weights or from a file of weights.

    Parameters
    ----------
    backbone : str or Backbone, default="small_cnn"
        The body of the network: a name of `list_backbones`, or a `Backbone`.
    weights : str or path-like, default=None
        Initial weights of the body: `None` for random weights, or the path of a file that
        `save_backbone_weights` wrote, or of another format (:ref:`weight-files`). "imagenet" is the
        official release, which `fit` fetches once and checks by its hash. Keras publishes no hash
        for MobileNetV2, so its first download is not checked. Only arrays are read from files,
        never code.
    pretrain_classes : array-like of shape (n_source_classes,), default=None
        Labels of the source task. By default there is no pretraining.
    target_classes : array-like of shape (n_classes,), default=None
        Labels of the target task. By default all that are not in `pretrain_classes`. Rows in
        neither are ignored.
    freeze_until : str, int or None, default="auto"
        The last frozen point during fine-tuning: the name of a stage or layer, or "features" for
        the whole body. A number counts body stages (-1 for all but the last). `None` and 0 freeze
        nothing. Layers of the head (``"dense"``) have only names. With `weights` or
        `pretrain_classes`, "auto" is the backbone's default, such as "features" for the small CNN;
        otherwise nothing is frozen. Frozen weights stay bit-identical in `fit`.
    body_until : str, int or None, default="auto"
        The last stage of the body in the network: its name, a number of stages, or `None` for all.
        "auto" chooses the stage with the best features if the head is a probe on few images,
        without a hidden layer. Otherwise, or in the small ResNet, it keeps all (:ref:`defaults`).
    head_init : {"auto", "random", "probe"}, default="auto"
        Initial weights of the output layer: random, or a linear probe [5]_, which is the logistic
        regression on the inputs of the layer. With a probe, ``epochs="auto"`` and no early
        stopping, fine-tuned weights are kept, unless their log loss on held-out rows, or on
        `X_val`, is higher than that of the probe by more than one standard error. "auto" is "probe"
        with few images (:ref:`defaults`), ``epochs="auto"`` and ``output_layer="new"``.
        `partial_fit` and further fits with `warm_start` use no probe.
    output_layer : {"new", "keep"}, default="new"
        Output layer after pretraining. The hidden layer of the head is kept in both cases. "keep"
        follows the reference protocol, and needs the same number of classes in both tasks.
    pretrain_epochs : int >= 0 or "auto", default="auto"
        Passes over the source rows. "auto" is more passes for fewer rows (:ref:`defaults`).
    epochs : int >= 0 or "auto", default="auto"
        Passes over the target rows. "auto" is more passes for fewer rows. After a probe, without
        early stopping, it is 0 if only the output layer trains or a class has under 10 rows. With
        a number, "auto" of `head_init` is "random".
    batch_size : int >= 1 or "auto", default="auto"
        Rows in a training step. "auto" is a power of two from 16 to 128, which grows with the rows
        of a phase.
    optimizer : str, default="adam"
        One of Keras' optimizers: "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw",
        "lion", "nadam", "rmsprop" or "sgd".
    learning_rate : float > 0, default=None
        Learning rate of the head, on the target task. By default that of the backbone's recipe. For
        the small CNN this is the optimizer's default.
    pretrain_learning_rate : float > 0, default=None
        Learning rate of the head, on the source task. By default that of the backbone's recipe. A
        search over `learning_rate` does not change it, so its candidates share one pretraining.
    body_learning_rate : float > 0, default=None
        Learning rate of the last body stage, on the target task. By default that of the backbone's
        recipe: the head's rate for the small CNN and for random weights, else a multiple of it.
    layer_decay : float > 0, default=None
        Factor from the learning rate of each body stage to that of the stage before it, on the
        target task. By default that of the backbone's recipe, 1 for all built-in recipes.
    schedule : {"constant", "cosine", "linear"}, default=None
        Course of learning rates over a phase: constant, or down to zero by half a cosine [2]_ or
        linearly. "linear" with `warmup` is the one-cycle policy [4]_. By default that of the
        backbone's recipe: "constant" for the small CNN, "linear" for the small ResNet from random
        weights, otherwise "cosine".
    warmup : float in [0, 1), default=None
        Share of a phase in which learning rates first rise from zero. By default that of the
        backbone's recipe, 0 for the small CNN.
    clip_norm : float > 0, default=None
        Largest norm of all gradients together, or ``numpy.inf``. By default that of the backbone's
        recipe: no bound for the small CNN and the small ResNet from random weights, else 1.
    head_epochs : int >= 0, default=0
        Number of `epochs` that first train only the head, with the whole body frozen.
    epochs_per_stage : int >= 0, default=0
        Epochs between stages in gradual unfreezing [3]_. After `head_epochs` one body stage after
        the other is unfrozen, from the last stage down to `freeze_until`. 0 unfreezes all at once.
        The optimizer starts afresh whenever a stage is unfrozen.
    hidden_units : int >= 0 or "auto", default="auto"
        Width of the head's hidden layer; 0 for none. "auto" is the backbone's value: 0 for the
        small ResNet, 128 for the others. It is 0 if the head is a probe on few images. If
        `freeze_until` is "dense" or "dropout", it is the backbone's value, or 128 if that is 0.
    dropout : float in [0, 1), default=0.5
        Dropout rate of the hidden layer.
    feature_dropout : float in [0, 1), default=0.25
        Dropout rate of the body's output, frozen or not.
    augmentation : str, list of str or dict, default=None
        Random changes of the training images: "flip", "rotate", "zoom", "shift", "crop", "erase". A
        dict gives amounts. Defaults, and largest amounts in brackets, are "horizontal" (or
        "vertical", "both"), 15 degrees (180), 0.1 of the image for zoom (0.9), shift (1) and crop
        (0.5), and a probability of 0.25 (1) for "erase". "shift" interpolates. "crop" shifts by
        whole pixels and reflects the image at its border.
    augmentation_views : int >= 1, default=None
        Number of augmented views of an image in a fit, if there is `augmentation`. Their features
        are stored, and each epoch takes one of them at random (:ref:`augmentation-views`). By
        default, and in phases without frozen layers, images are augmented differently in every
        epoch.
    early_stopping : bool, default=False
        Whether a phase stops when its validation loss has not improved for `n_iter_no_change`
        epochs, and returns to the weights of its best epoch. With `head_epochs` or
        `epochs_per_stage` only the epochs at the current freeze point end, and training continues
        at the next one. By default all epochs run.
    validation_fraction : float in (0, 1), default=0.1
        Stratified share of its rows that each phase holds out for early stopping, or to compare
        fine-tuned weights with a probe, unless `X_val` has rows of its classes. They are not
        augmented. To compare with a probe it holds out at most 1,000 rows, and at least as many as
        there are classes.
    n_iter_no_change : int >= 1, default=5
        Epochs without improvement before a phase stops.
    tol : float >= 0, default=1e-4
        Smallest decrease of the validation loss that counts as an improvement.
    class_weight : dict or "balanced", default=None
        Weights of the classes of both tasks, also of validation images; by default 1. "balanced" is
        computed for each phase, without `X_val`. Values are from 0 to 1e15.
    warm_start : bool, default=False
        Whether a further `fit` trains `epochs` more from the fitted weights, with a new optimizer,
        without pretraining, `head_epochs` and `epochs_per_stage`. The classes, the network and the
        format of images must stay the same. `weights` is ignored. Other parameters may change.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, dropout, shuffles, augmentation and validation split. Pass an int
        for bit-identical fits on the same machine with the same number of threads. `None` takes
        fresh entropy from the operating system. Global random state is neither read nor changed.
    verbose : int, default=0
        Verbosity: 1 logs a line for each epoch, through the logger ``skfashion``.
    image_shape : tuple, default=None
        Image shape: (height, width) or (height, width, channels). Flat rows fold into it; files and
        images of different sizes are resized to it. By default a row is a square grey image, or
        else a square RGB image, or else a padded square. `fit` warns if an RGB image may be an
        oblong grey one, or if it pads rows of 64 values or more. Images whose channels do not seem
        to be last are an error, unless they have this shape.
    pixel_range : tuple of (black, white), default=None
        The values of `X` for black and white, such as (0, 1). By default `fit` learns them, as
        `pixel_range_` describes. For dark ink on white, black may be the larger value.
    resize : {"crop", "pad", "stretch"}, default="crop"
        Conversion of files and images to one shape (:ref:`photographs`): crop to the largest
        rectangle in the centre, pad the whole image with black, or distort it.
    reduced_decoding : bool, default=True
        Whether JPEG files are decoded in half, a quarter or an eighth of their size, if that is at
        least twice the target size.
    input_size : int >= 1, default=None
        Side of resized images in pixels, at least the backbone's `min_size`. By default only images
        below that are enlarged; with few images, those below its `pretrained_size`. Files, images
        of different sizes and larger Pillow images have the backbone's `default_size`.
    dtype : {"float32", "float64", "mixed_bfloat16"}, default="float32"
        Data type of the computation. Keras' global setting is neither read nor changed.
    recipe : Recipe, default=None
        Further options of both phases: weight decay, momentum, label smoothing, averaged weights,
        mixed images, the mode of batch normalisation, and flips in prediction. The other parameters
        override it, and it overrides the backbone's recipe. A search can vary an option by its
        name, such as ``recipe__weight_decay``.
    memory : str, path-like or joblib.Memory, default=None
        Cache folder for training that other fits can use, and for features of the frozen part by
        image. Clones, folds of a search, other processes, later sessions and prediction share it.
        Cached results are bit-identical to computed ones. Only arrays are read, never code.
    memory_limit : int >= 1 or str, default=None
        Largest size of the cache folder, in bytes or as a str such as "20G", with powers of 1,024.
        By default it is half of the sum of the disk's free space and the size of these files. The
        least recently used files are evicted first. A given limit neither counts nor evicts files
        of `checkpoint`.
    checkpoint : str or path-like, default=None
        Folder in which `fit` saves each phase after every epoch. The same fit, run again after an
        interruption, resumes from the last saved epoch, with bit-identical results
        (:ref:`checkpoint`). It needs a `random_state`. `partial_fit` ignores it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the target task.
    source_classes_ : ndarray of shape (n_source_classes,)
        Labels of the source task; empty without one.
    n_features_in_ : int
        Numbers in a row: height x width x channels of an image, unless rows are padded.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of columns, if `X` had any.
    image_shape_ : tuple of (height, width, channels)
        Shape of an image; for files and images of different sizes after they are resized.
    pixel_range_ : tuple of (black, white)
        The values for black and white: those of `pixel_range`, if given; 0 and 255 for uint8. For
        other types they are 0 and 1 if all values are from 0 to 1, which floats may exceed by
        rounding and interpolation; otherwise 0 and 255 if all values are in this range; otherwise
        their minimum and maximum.
    model_ : keras.Model
        The fitted network as a separate Keras model, built on first access. It maps images of
        `image_shape_`, in the units of the `X` of `fit`, to probabilities. Changing it does not
        change predictions of the estimator.
    history_ : dict of str to list
        Values for each epoch on the target task: "loss" and "accuracy" in training, "val_loss" and
        "val_accuracy" on validation rows, if any, and "seconds". "features" is the storage of the
        frozen part's features: "nothing frozen", "kept", "memory-mapped" or "recomputed". The first
        epoch's seconds include the pass through the frozen part, if there is one. The dict is empty
        if no epoch ran, as when a probe is kept without training. Values that an epoch of another
        fit lacks are nan.
    pretrain_history_ : dict of str to list
        The same for the source task; empty without one.
    freeze_point_ : str or None
        The freeze point that `freeze_until` resolved to, or that gradual unfreezing reached.
    body_until_ : str
        The last stage of the body.
    head_init_ : {"random", "probe"}
        Initial weights of the output layer in the first fit.
    kept_probe_ : bool
        Whether the output layer is still the probe: fine-tuning was worse (see `head_init`), or
        there was none.
    batch_size_ : int
        Rows in a training step on the target task.
    hidden_units_ : int
        Width of the head's hidden layer; 0 for none.
    input_size_ : tuple of (height, width)
        Size of images at the input of the body, in pixels.
    n_frozen_params_ : int
        Number of frozen parameters.
    n_trainable_params_ : int
        Number of trained parameters.
    n_iter_ : int
        Epochs on the target task.

    See Also
    --------
    skfashion.model_selection.ClassSplitCV : Cross-validation on a class split.
    skfashion.model_selection.target_scorer : Scorers on a class split.

    Notes
    -----
    The small CNN has 600,165 parameters for five classes of grey 28 x 28 images, 9,568 of them in
    its body. [1]_ split classes into two tasks to measure how transferable each layer is.

    `pretrain_classes` and `target_classes` are errors in `cross_val_predict`, and inside voting,
    stacking, bagging, boosting, calibration, threshold tuning, one-vs-rest, multi-output and
    self-training. Pass only target rows there. To pretrain, do it once, and pass ``weights=path``.

    References
    ----------
    .. [1] Yosinski, Clune, Bengio, Lipson: "How transferable are features in deep neural
       networks?", NIPS 2014, arXiv:1411.1792.
    .. [2] Loshchilov, Hutter: "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
       arXiv:1608.03983.
    .. [3] Howard, Ruder: "Universal Language Model Fine-tuning for Text Classification", ACL 2018,
       arXiv:1801.06146.
    .. [4] Smith, Topin: "Super-Convergence: Very Fast Training of Neural Networks Using Large
       Learning Rates", 2017, arXiv:1708.07120.
    .. [5] Kumar, Raghunathan, Jones, Ma, Liang: "Fine-Tuning can Distort Pretrained Features and
       Underperform Out-of-Distribution", ICLR 2022, arXiv:2202.10054.

    Examples
    --------
    >>> from skfashion import TransferClassifier
    >>> from skfashion.datasets import load_fashion_sample
    >>> X, y = load_fashion_sample(return_X_y=True)
    >>> X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
    >>> clf = TransferClassifier(
    ...     pretrain_classes=[5, 6, 7, 8, 9], pretrain_epochs=3, epochs=3, random_state=0
    ... )
    >>> clf.fit(X[:1000], y[:1000]).classes_
    array([0, 1, 2, 3, 4])
    >>> clf.n_frozen_params_, clf.n_trainable_params_
    (9568, 590597)
    >>> clf.score(X_test, y_test) > 0.7
    True
    """

    _parameter_constraints = {**BackboneEstimator._parameter_constraints, **CLASSIFIER_CONSTRAINTS}

    def __init__(
        self,
        backbone: str | Backbone = "small_cnn",
        *,
        weights: str | os.PathLike | None = None,
        pretrain_classes: ArrayLike | None = None,
        target_classes: ArrayLike | None = None,
        freeze_until: str | int | None = "auto",
        body_until: str | int | None = "auto",
        head_init: str = "auto",
        output_layer: str = "new",
        pretrain_epochs: int | str = "auto",
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        optimizer: str = "adam",
        learning_rate: float | None = None,
        pretrain_learning_rate: float | None = None,
        body_learning_rate: float | None = None,
        layer_decay: float | None = None,
        schedule: str | None = None,
        warmup: float | None = None,
        clip_norm: float | None = None,
        head_epochs: int = 0,
        epochs_per_stage: int = 0,
        hidden_units: int | str = "auto",
        dropout: float = 0.5,
        feature_dropout: float = 0.25,
        augmentation: str | Sequence[str] | Mapping[str, Any] | None = None,
        augmentation_views: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 1e-4,
        class_weight: Mapping[Any, float] | str | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        image_shape: tuple[int, ...] | None = None,
        pixel_range: tuple[float, float] | None = None,
        resize: str = "crop",
        reduced_decoding: bool = True,
        input_size: int | None = None,
        dtype: str = "float32",
        recipe: Recipe | None = None,
        memory: str | os.PathLike | Memory | None = None,
        memory_limit: int | str | None = None,
        checkpoint: str | os.PathLike | None = None,
    ):
        self.backbone = backbone
        self.weights = weights
        self.pretrain_classes = pretrain_classes
        self.target_classes = target_classes
        self.freeze_until = freeze_until
        self.body_until = body_until
        self.head_init = head_init
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
        self.augmentation_views = augmentation_views
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.image_shape = image_shape
        self.pixel_range = pixel_range
        self.resize = resize
        self.reduced_decoding = reduced_decoding
        self.input_size = input_size
        self.dtype = dtype
        self.recipe = recipe
        self.memory = memory
        self.memory_limit = memory_limit
        self.checkpoint = checkpoint
