"""How the phases of a fit train: parameters and recipes, resolved."""

from .._backbones.recipe import Recipe, combine_recipes, resolve_recipe
from .._backbones.spec import Backbone
from .._messages import warn_user
from .._networks.network import Network
from .._training.augmentation import parse_augmentation
from .._training.learning_rates import LearningRates
from .._training.optimizer import default_learning_rate
from .._training.phase import PhaseConfig
from .._training.regularization import Regularization
from .._training.unfreezing import epochs_until_unfrozen, unfreeze_schedule
from .defaults import FitSettings


def pretraining_config(params, backbone: Backbone, batch_size: int, freeze_points) -> PhaseConfig:
    """Return how to train on the source task.

    Parameters
    ----------
    params : TransferClassifier
        The estimator.
    backbone : Backbone
        Its backbone.
    batch_size : int
        Rows in a step.
    freeze_points : tuple of (str or None)
        As for `PhaseConfig`.
    """
    default = backbone.from_scratch if params.weights is None else backbone.fine_tuning
    recipe = resolve_recipe(params, default, "pretrain")
    rates = LearningRates.resolve(
        recipe, default_learning_rate(params.optimizer), params.pretrain_learning_rate
    )
    # Nothing is frozen, so no views are drawn.
    return _to_config(params, recipe, rates, batch_size, freeze_points, n_views=0)


def fine_tuning_recipe(
    params, backbone: Backbone, settings: FitSettings, is_pretrained: bool, is_partial: bool
) -> Recipe:
    """Return the options of training on the target task.

    Parameters
    ----------
    params, backbone
        As for `pretraining_config`.
    settings : FitSettings
        The settings of the fit.
    is_pretrained : bool
        Whether training starts from pretrained weights.
    is_partial : bool
        Whether this is for a call of `partial_fit`, so that the number of epochs is unknown.

    Raises
    ------
    ValueError
        If the backbone's recipe has `cutmix`, and features of augmented images are stored.
    """
    default = backbone.fine_tuning if is_pretrained else backbone.from_scratch
    if settings.probes_few_images:
        default = combine_recipes(backbone.few_images, default)
    return resolve_recipe(params, default, "fine-tune", open_ended=is_partial)


def fine_tuning_config(params, recipe: Recipe, settings: FitSettings, freeze_points) -> PhaseConfig:
    """Return how to train on the target task with a recipe of `fine_tuning_recipe`."""
    default_rate = default_learning_rate(params.optimizer)
    rates = LearningRates.resolve(
        recipe, default_rate, params.learning_rate, params.body_learning_rate
    )
    batch_size, n_views = settings.fine_tuning.batch_size, count_views(params)
    return _to_config(params, recipe, rates, batch_size, freeze_points, n_views)


def count_views(params) -> int:
    """Return the number of stored views of an image, 0 if they are new in each epoch."""
    return int(params.augmentation_views or 0) if parse_augmentation(params.augmentation) else 0


def _to_config(
    params, recipe, rates: LearningRates, batch_size, freeze_points, n_views
) -> PhaseConfig:
    # The key of a stored phase holds these values, which are equal for numbers of any type.
    return PhaseConfig(
        freeze_points=freeze_points,
        batch_size=int(batch_size),
        optimizer=params.optimizer,
        momentum=float(recipe.momentum),
        learning_rates=rates,
        regularization=Regularization.from_params(params, recipe),
        augmentation=parse_augmentation(params.augmentation),
        n_views=n_views,
        patience=int(params.n_iter_no_change) if params.early_stopping else None,
        tol=float(params.tol) if params.early_stopping else 0.0,
    )


def plan_unfreezing(params, network: Network, point, n_epochs: int, warns: bool) -> tuple:
    """Return the freeze point of each epoch on the target task.

    Parameters
    ----------
    params : TransferClassifier
        The estimator.
    network : Network
        Its network.
    point : str or None
        The freeze point to reach.
    n_epochs : int
        Epochs of the schedule.
    warns : bool
        Whether a schedule that is too short draws a warning.
    """
    points = network.unfreeze_points(point)
    gradual = params.head_epochs, params.epochs_per_stage
    schedule = unfreeze_schedule(points, point, n_epochs, *gradual)
    if warns and schedule[-1] != point:
        warn_user(
            f"epochs={len(schedule)} is too few to unfreeze down to freeze_until="
            f"{params.freeze_until!r}: that takes {epochs_until_unfrozen(points, *gradual)} epochs "
            f"with head_epochs={gradual[0]} and epochs_per_stage={gradual[1]}. Raise epochs, or "
            "lower head_epochs or epochs_per_stage."
        )
    return schedule
