"""Options of training: rates, their schedule, regularisation, and the order of their sources."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Options, StrOptions

OPTIMIZERS = (
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "lion",
    "nadam",
    "rmsprop",
    "sgd",
)
SCHEDULES = ("constant", "cosine", "linear")
BATCH_NORM_MODES = ("train", "inference")

_POSITIVE = [Interval(Real, 0, None, closed="neither"), None]
_NOT_NEGATIVE = [Interval(Real, 0, None, closed="left"), None]
_BELOW_ONE = [Interval(Real, 0, 1, closed="left"), None]


class Recipe(BaseEstimator):
    """Training options of a backbone or a user.

    `None` means "not set". Each option comes from the first source that sets it: the constructor
    parameter of `TransferClassifier` of this name, ``TransferClassifier(recipe=...)``, the
    backbone's recipe, and the default below. `Backbone` and `fit` check values. Recipes of equal
    parameters are equal.

    Parameters
    ----------
    head_factor : float > 0, default=None
        Learning rate of the head, as a multiple of the optimizer's default; by default 1. The
        parameter `learning_rate` overrides it, and `pretrain_learning_rate` on the source task.
    body_factor : float > 0, default=None
        Learning rate of the body's last stage, as a multiple of the head's; by default 1. The
        parameter `body_learning_rate` overrides it.
    layer_decay : float > 0, default=None
        Ratio of a stage's learning rate to that of the next stage towards the head; by default 1.
    schedule : {"constant", "cosine", "linear"}, default=None
        Course of rates over a phase: constant (the default), or down to zero by half a cosine [1]_
        or linearly. "linear" with a warm-up is the one-cycle policy [2]_.
    warmup : float in [0, 1), default=None
        Share of all steps, at the beginning, in which rates rise linearly from zero; by default 0.
    clip_norm : float > 0, default=None
        Largest norm of all gradients together; by default ``numpy.inf``, for no bound.
    weight_decay : float >= 0, default=None
        Share of a weight that a step subtracts from it, as a multiple of the weight's learning
        rate, decoupled from the gradient [3]_. Kernels decay, which are weights of two or more
        axes. Biases and the parameters of normalisation layers do not. By default 0, except for
        ``optimizer="adamw"``, which decays all weights by Keras' 0.004.
    momentum : float in [0, 1), default=None
        Nesterov's momentum of ``optimizer="sgd"`` [4]_; by default 0. It is an error in
        ``TransferClassifier(recipe=...)`` with another optimizer, and ignored in a backbone's
        recipe.
    label_smoothing : float in [0, 1), default=None
        Share of each label that is spread evenly over all classes [5]_, in the training loss; by
        default 0. The validation loss has no smoothing.
    average : float in [0, 1], default=None
        Share of a phase's updates that the fitted weights average over, from 0 (off, the default)
        to 1. The weights are an exponential moving average [6]_ of the trained weights and of the
        averages of batch normalisation. Evaluation, early stopping and callbacks use averaged
        weights.
    mixup : float >= 0, default=None
        Parameter of the symmetrical beta distribution of mixup weights; by default 0, which is off.
        Each training image becomes a weighted mean of itself and another image, and labels are
        mixed alike [7]_. With frozen layers their output is mixed instead of the images, so that it
        is still computed once [8]_.
    cutmix : float >= 0, default=None
        Parameter of the symmetrical beta distribution of the share of replaced pixels; by default
        0, which is off. A box of each training image is replaced by that of another image, and
        labels are mixed in proportion to pixels [9]_. If `mixup` is also set, each batch takes one
        of the two at random, on images. It is an error with `augmentation_views`.
    batch_norm : {"train", "inference"}, default=None
        Mode of trained batch-normalisation layers. "train", the default, normalises by each batch
        and moves the averages. "inference" normalises by the averages, which do not change [10]_.
        Scales and offsets train in both cases.
    test_time_flips : bool, default=None
        Whether `predict_proba` returns the mean of the probabilities of an image and of its mirror
        image [11]_; by default not. `model_` and the evaluation in training use only the image.

    See Also
    --------
    TransferClassifier : Takes a recipe as `recipe`.
    Backbone : Has recipes for random weights, for pretrained weights, and for few images.

    References
    ----------
    .. [1] Loshchilov, Hutter: "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
       arXiv:1608.03983.
    .. [2] Smith, Topin: "Super-Convergence: Very Fast Training of Neural Networks Using Large
       Learning Rates", 2017, arXiv:1708.07120.
    .. [3] Loshchilov, Hutter: "Decoupled Weight Decay Regularization", ICLR 2019,
       arXiv:1711.05101.
    .. [4] Sutskever, Martens, Dahl, Hinton: "On the importance of initialization and momentum in
       deep learning", ICML 2013.
    .. [5] Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: "Rethinking the Inception Architecture for
       Computer Vision", CVPR 2016, arXiv:1512.00567.
    .. [6] Polyak, Juditsky: "Acceleration of Stochastic Approximation by Averaging", SIAM Journal
       on Control and Optimization 30(4), 1992.
    .. [7] Zhang, Cisse, Dauphin, Lopez-Paz: "mixup: Beyond Empirical Risk Minimization", ICLR 2018,
       arXiv:1710.09412.
    .. [8] Verma et al.: "Manifold Mixup: Better Representations by Interpolating Hidden States",
       ICML 2019, arXiv:1806.05236.
    .. [9] Yun, Han, Oh, Chun, Choe, Yoo: "CutMix: Regularization Strategy to Train Strong
       Classifiers with Localizable Features", ICCV 2019, arXiv:1905.04899.
    .. [10] Keras' guide "Transfer learning & fine-tuning",
       https://keras.io/guides/transfer_learning/.
    .. [11] Krizhevsky, Sutskever, Hinton: "ImageNet Classification with Deep Convolutional Neural
       Networks", NIPS 2012.

    Examples
    --------
    >>> from skfashion import Recipe, TransferClassifier
    >>> clf = TransferClassifier(recipe=Recipe(weight_decay=0.05, label_smoothing=0.1))
    >>> clf.set_params(recipe__weight_decay=0.01).recipe
    Recipe(label_smoothing=0.1, weight_decay=0.01)
    """

    _parameter_constraints: dict = {
        "head_factor": _POSITIVE,
        "body_factor": _POSITIVE,
        "layer_decay": _POSITIVE,
        "schedule": [StrOptions(set(SCHEDULES)), None],
        "warmup": _BELOW_ONE,
        "clip_norm": [*_POSITIVE, Options(Real, {np.inf})],
        "weight_decay": _NOT_NEGATIVE,
        "momentum": _BELOW_ONE,
        "label_smoothing": _BELOW_ONE,
        "average": [Interval(Real, 0, 1, closed="both"), None],
        "mixup": _NOT_NEGATIVE,
        "cutmix": _NOT_NEGATIVE,
        "batch_norm": [StrOptions(set(BATCH_NORM_MODES)), None],
        "test_time_flips": ["boolean", None],
    }

    def __init__(
        self,
        head_factor: float | None = None,
        body_factor: float | None = None,
        layer_decay: float | None = None,
        schedule: str | None = None,
        warmup: float | None = None,
        clip_norm: float | None = None,
        *,
        weight_decay: float | None = None,
        momentum: float | None = None,
        label_smoothing: float | None = None,
        average: float | None = None,
        mixup: float | None = None,
        cutmix: float | None = None,
        batch_norm: str | None = None,
        test_time_flips: bool | None = None,
    ):
        self.head_factor = head_factor
        self.body_factor = body_factor
        self.layer_decay = layer_decay
        self.schedule = schedule
        self.warmup = warmup
        self.clip_norm = clip_norm
        self.weight_decay = weight_decay
        self.momentum = momentum
        self.label_smoothing = label_smoothing
        self.average = average
        self.mixup = mixup
        self.cutmix = cutmix
        self.batch_norm = batch_norm
        self.test_time_flips = test_time_flips

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), *self._values()))

    def _values(self) -> tuple:
        # Networks are found by hashes of their backbones. `get_params` takes 50 times as long.
        return tuple(getattr(self, name) for name in self._parameter_constraints)


# Defaults if no source sets an option. `weight_decay` is then that of Keras' optimizer.
BASE = Recipe(
    head_factor=1.0,
    body_factor=1.0,
    layer_decay=1.0,
    schedule="constant",
    warmup=0.0,
    clip_norm=np.inf,
    momentum=0.0,
    label_smoothing=0.0,
    average=0.0,
    mixup=0.0,
    cutmix=0.0,
    batch_norm="train",
    test_time_flips=False,
)


def combine_recipes(*recipes: Recipe) -> Recipe:
    """Return a recipe with each option from the first of the recipes that sets it."""
    combined: dict = {}
    for recipe in (*recipes, BASE):
        for name, value in recipe.get_params().items():
            if combined.get(name) is None:
                combined[name] = value
    return Recipe(**combined)


def check_recipe(params) -> None:
    """Check the recipe that a user gave to an estimator.

    Parameters
    ----------
    params : TransferClassifier
        The estimator.

    Raises
    ------
    ValueError
        If an option is out of its range, or conflicts with another parameter: momentum without
        ``optimizer="sgd"``, or `cutmix` with `augmentation_views`.
    """
    recipe = params.recipe
    if recipe is None:
        return
    recipe._validate_params()
    if recipe.momentum and params.optimizer != "sgd":
        raise ValueError(
            f"recipe has momentum={recipe.momentum!r}, which only optimizer='sgd' takes, but "
            f"optimizer={params.optimizer!r}. Set optimizer='sgd', or momentum=None."
        )
    _check_mixing(recipe, params)


def _check_mixing(recipe, params):
    if recipe.cutmix and params.augmentation_views:
        raise ValueError(
            f"recipe has cutmix={recipe.cutmix!r}, which mixes images before the frozen part, but "
            f"augmentation_views={params.augmentation_views!r} stores the output of that part. Set "
            "augmentation_views=None, or mixup in place of cutmix: "
            "recipe=Recipe(cutmix=0, mixup=0.2)."
        )


def resolve_recipe(params, default: Recipe, phase: str, open_ended: bool = False) -> Recipe:
    """Return a recipe with all options of a phase.

    Parameters
    ----------
    params : TransferClassifier
        The estimator.
    default : Recipe
        The backbone's recipe.
    phase : {"pretrain", "fine-tune"}
        The phase. The parameter `layer_decay` applies only to fine-tuning.
    open_ended : bool, default=False
        Whether the phase's length is unknown. Rates are then constant unless the user sets a
        schedule.
    """
    given = Recipe(schedule=params.schedule, warmup=params.warmup, clip_norm=params.clip_norm)
    if phase == "fine-tune":
        given.set_params(layer_decay=params.layer_decay)
    by_user = () if params.recipe is None else (params.recipe,)
    if open_ended:
        default = combine_recipes(Recipe(schedule="constant", warmup=0.0), default)
    recipe = combine_recipes(given, *by_user, default)
    if phase == "fine-tune":
        _check_mixing(recipe, params)
    # A backbone's recipe is written for any optimizer.
    return recipe if params.optimizer == "sgd" else recipe.set_params(momentum=0.0)
