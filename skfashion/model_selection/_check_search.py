"""Candidates of a search that cannot be, found before anything trains."""

import warnings
from dataclasses import replace
from numbers import Integral

from sklearn.model_selection import ParameterGrid, ParameterSampler

from .._backbones.freeze_points import resolve_freeze_point
from .._backbones.registry import get_backbone
from .._backbones.spec import check_weights
from .._cache.memory import open_store
from .._estimators.backbone_features import BackboneFeatures
from .._estimators.transfer_classifier import TransferClassifier
from .._messages import warn_user
from .._networks.architecture import BodyArchitecture
from .._training.augmentation import parse_augmentation
from ._candidates import Candidate, Data, architecture_of, freeze_until_of

_MOST_REASONS = 10
_MOST_CHARACTERS = 300


def check_search(search, X=None, y=None):
    """Find the candidates of a search that cannot be, before anything trains.

    A stage that a backbone lacks, a freeze that leaves nothing to train, an output layer kept
    between tasks of different size, a file of weights that is not there, any parameter out of its
    range: a search would give these a score of nan, with a warning each, after it has trained
    others. Nothing is trained here. Names of layers that are no stage are looked up in a network
    without weights.

    Parameters
    ----------
    search : estimator
        A `GridSearchCV`, `RandomizedSearchCV` or halving search over a `TransferClassifier`, alone
        or at the end of a pipeline. Steps in front of it are checked, too.
    X : array-like of shape (n, h, w), (n, h, w, c) or (n, h*w*c), optional
        What the search will be fitted on, to check the shape of images as well, unless a pipeline
        changes them.
    y : array-like of shape (n,), optional
        Labels of both tasks, to check classes as well.

    Returns
    -------
    search : estimator
        The search as it is, so that ``check_search(search, X, y).fit(X, y)`` is all that it takes.

    Raises
    ------
    TypeError
        If it is no search.
    ValueError
        If there are such candidates; it lists why, and how many.

    Warns
    -----
    UserWarning
        If a search draws from distributions, and others in every fit, which cannot be checked
        beforehand: its lists are.

    See Also
    --------
    freeze_points : Lists grids in which every candidate can be.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skfashion import TransferClassifier
    >>> from skfashion.model_selection import check_search
    >>> grid = {"backbone": ["small_cnn", "vgg16"], "freeze_until": ["conv1", "features"]}
    >>> check_search(GridSearchCV(TransferClassifier(), grid))
    Traceback (most recent call last):
      ...
    ValueError: 1 of 4 candidates cannot be:
    - {'backbone': 'vgg16', 'freeze_until': 'conv1'}: freeze_until='conv1' is not one of ...
    """
    candidates, unchecked = _candidates_of(search)
    data = Data.before_fit(search, X, y)
    reasons: dict[str, list[dict]] = {}
    for params in candidates:
        reason = _invalid_reason(search, params, data)
        if reason is not None:
            reasons.setdefault(reason, []).append(params)
    if reasons:
        raise ValueError(_message(reasons, len(candidates)))
    if unchecked:
        warn_user(
            f"check_search has checked the lists of this search, but not what it will draw for "
            f"{unchecked}: random_state={search.random_state!r} draws other candidates in every "
            "fit. Set random_state to an int."
        )
    return search


def _candidates_of(search) -> tuple[list[dict], list[str]]:
    """Return the candidates that a search will or may try, and parameters that were left out."""
    if hasattr(search, "param_grid"):
        return list(ParameterGrid(search.param_grid)), []
    if not hasattr(search, "param_distributions"):
        raise TypeError(
            "check_search checks a GridSearchCV, RandomizedSearchCV, or halving search, got "
            f"{type(search).__name__}."
        )
    choices = search.param_distributions
    n_drawn = getattr(search, "n_iter", None) or search.n_candidates
    if isinstance(search.random_state, Integral) and isinstance(n_drawn, Integral):
        with warnings.catch_warnings():
            # The search itself warns of a space that is smaller than n_iter.
            warnings.simplefilter("ignore", UserWarning)
            return list(ParameterSampler(choices, n_drawn, random_state=search.random_state)), []
    choices = [choices] if isinstance(choices, dict) else choices
    drawn = {name for each in choices for name, values in each.items() if hasattr(values, "rvs")}
    lists = [{n: values for n, values in each.items() if n not in drawn} for each in choices]
    return list(ParameterGrid(lists)), sorted(drawn)


def _invalid_reason(search, params, data: Data) -> str | None:
    """Return why a candidate cannot be, `None` if it can."""
    try:
        candidate = Candidate(search, params)
        for part in _parts(candidate.estimator):
            if hasattr(part, "_validate_params"):
                part._validate_params()
            if isinstance(part, BackboneFeatures):
                _check_features(part)
            elif isinstance(part, TransferClassifier):
                _check_classifier(part, data)
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    return None


def _parts(estimator):
    """Yield an estimator, and those that it is made of."""
    yield estimator
    for _, step in getattr(estimator, "steps", ()):
        yield from _parts(step)
    if hasattr(estimator, "estimator"):
        yield from _parts(estimator.estimator)


def _check_classifier(classifier: TransferClassifier, data: Data):
    """Check what `fit` would find out before it trains."""
    backbone = get_backbone(classifier.backbone)
    check_weights(classifier.weights, backbone)
    parse_augmentation(classifier.augmentation)
    open_store(classifier.memory, classifier.memory_limit)
    split = data.split_for(classifier)
    if split is not None:
        split.check_output_layer(classifier.output_layer)
        split.check_class_weight(classifier.class_weight)
    architecture = architecture_of(classifier, data)
    point = resolve_freeze_point(backbone, freeze_until_of(classifier), "freeze_until")
    if point not in (None, "features", *backbone.stages):
        from .._networks.network import get_network

        # One network serves all candidates whose layers have the same names.
        units = min(architecture.hidden_units, 1)
        get_network(replace(architecture, n_classes=2, hidden_units=units)).resolve_freeze_point(
            point
        )


def _check_features(features: BackboneFeatures):
    backbone = get_backbone(features.backbone)
    check_weights(features.weights, backbone)
    layer = features._resolve_layer(backbone)
    if layer not in ("features", *backbone.stages):
        from .._networks.pooled_features import get_pooled_features

        shape = backbone.min_size, backbone.min_size, backbone.channels or 1
        get_pooled_features(BodyArchitecture(backbone, shape, None, "float32"), layer, "average")


def _message(reasons, n_candidates):
    n_impossible = sum(map(len, reasons.values()))
    lines = [f"{n_impossible} of {n_candidates} candidates cannot be:"]
    for reason, some in [*reasons.items()][:_MOST_REASONS]:
        more = f" and {len(some) - 1} more" if len(some) > 1 else ""
        lines.append(f"- {_shortened(repr(some[0]))}{more}: {_shortened(reason)}")
    if len(reasons) > _MOST_REASONS:
        lines.append(f"- and for {len(reasons) - _MOST_REASONS} more reasons")
    if any("freeze_until=" in reason for reason in reasons):
        lines.append("freeze_points gives grids in which every candidate can be.")
    return "\n".join(lines)


def _shortened(text):
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."
