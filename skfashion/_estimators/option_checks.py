"""Checks of training parameters that need neither data nor a network."""

from collections.abc import Callable
from functools import wraps

from sklearn import get_config

from .._backbones.recipe import check_recipe
from .._training.augmentation import parse_augmentation


def validates_further_calls(partial_fit: Callable) -> Callable:
    """Validate the parameters of a fitted estimator in `partial_fit`, as in `fit`.

    scikit-learn's `_fit_context` omits this, because parameters rarely change between calls. It
    also sets `skip_parameter_validation` for the method, so the user's setting is read outside.
    """

    @wraps(partial_fit)
    def wrapper(estimator, *args, **kwargs):
        if not get_config()["skip_parameter_validation"] and estimator.__sklearn_is_fitted__():
            estimator._validate_params()
        return partial_fit(estimator, *args, **kwargs)

    return wrapper


def check_training_options(params, is_partial: bool) -> None:
    """Check the parameters of training before any image passes through a network.

    Parameters
    ----------
    params : TransferClassifier
        The estimator.
    is_partial : bool
        Whether this is a call of `partial_fit`, which saves no checkpoint.

    Raises
    ------
    ValueError
        If a value is out of its range, or two parameters contradict each other.
    """
    parse_augmentation(params.augmentation)
    check_recipe(params)
    _check_head_init(params)
    if not is_partial:
        _check_checkpoint(params)


def _check_head_init(params):
    if params.head_init == "probe" and params.output_layer == "keep":
        raise ValueError(
            'head_init="probe" starts the output layer from a probe, but output_layer="keep" '
            'takes it over from pretraining. Set output_layer="new", or head_init="auto".'
        )


def _check_checkpoint(params):
    if params.checkpoint is not None and params.random_state is None:
        raise ValueError(
            f"checkpoint={params.checkpoint!r} resumes fits with equal random numbers, but "
            "random_state=None draws others in each fit. Set random_state to an int, or "
            "checkpoint=None."
        )
