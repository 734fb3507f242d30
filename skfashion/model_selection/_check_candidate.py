"""Validate one candidate of a search without training it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sklearn.pipeline import Pipeline

from .._backbones.body_end import check_freezes_body
from .._backbones.freeze_points import resolve_freeze_point, resolve_layers
from .._backbones.registry import get_backbone
from .._backbones.spec import check_weights
from .._cache.memory import open_store
from .._data.image_input import check_first_decoding
from .._data.pixel_range import check_pixel_range
from .._estimators.backbone_estimator import BackboneEstimator
from .._estimators.backbone_features import BackboneFeatures
from .._estimators.find_classifier import iterate_parts
from .._estimators.option_checks import check_training_options
from .._estimators.transfer_classifier import TransferClassifier
from .._networks.architecture import BodyArchitecture
from ._candidates import (
    Candidate,
    SearchData,
    build_architecture,
    known_backbone,
    possible_settings,
    resolve_freeze_until,
)
from ._check_folds import SearchFolds


def invalid_reason(
    search: Any, params: Mapping[str, Any], data: SearchData, folds: SearchFolds
) -> str | None:
    """Return the reason why a candidate would fail or be scored wrongly, `None` if it is valid.

    Parameters
    ----------
    search : estimator
        The search.
    params : dict of str to object
        Parameters of the candidate.
    data : SearchData
        The known facts of the data.
    folds : SearchFolds
        Folds and scorers of the search.

    Returns
    -------
    str or None
        The reason; the message of the error if its `fit` would raise one.
    """
    try:
        candidate = Candidate(search, params)
        X, data = data.X, data.for_candidate(candidate)
        first = _first_step(candidate.estimator)
        for part in iterate_parts(candidate.estimator):
            if hasattr(part, "_parameter_constraints"):
                part._validate_params()
            if isinstance(part, BackboneFeatures):
                _check_features(part)
            elif isinstance(part, TransferClassifier):
                _check_classifier(part, data)
            if part is first and isinstance(part, BackboneEstimator):
                check_first_decoding(part, X)
        folds.check(candidate, data)
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    return None


def _check_classifier(classifier: TransferClassifier, data: SearchData) -> None:
    """Run the checks that `TransferClassifier.fit` makes before it trains."""
    whole, backbone = get_backbone(classifier.backbone), known_backbone(classifier)
    check_weights(classifier.weights, whole)
    check_training_options(classifier, is_partial=False)
    check_pixel_range(classifier.pixel_range)
    open_store(classifier.memory, classifier.memory_limit)
    split = data.split_for(classifier)
    if split is not None:
        split.check_output_layer(classifier.output_layer)
        # Without `y`, labels of neither task are unknown.
        if data.labels is not None:
            split.check_class_weight(classifier.class_weight)
    architecture = build_architecture(classifier, data)
    freeze_until = resolve_freeze_until(classifier, possible_settings(classifier, data)[-1])
    check_freezes_body(backbone, whole, freeze_until)
    point = resolve_freeze_point(backbone, freeze_until, "freeze_until")
    if point not in (None, "features", *backbone.stages):
        from .._networks.network import get_network

        # One network serves all candidates whose layers have the same names.
        units = min(architecture.hidden_units, 1)
        get_network(replace(architecture, n_classes=2, hidden_units=units)).resolve_freeze_point(
            point
        )


def _first_step(estimator: Any) -> Any:
    """Return the estimator that receives the images, the first step of a pipeline."""
    while isinstance(estimator, Pipeline) and estimator.steps:
        estimator = estimator.steps[0][1]
    return estimator


def _check_features(features: BackboneFeatures) -> None:
    """Run the checks that `BackboneFeatures.fit` makes before it loads weights."""
    backbone = get_backbone(features.backbone)
    check_weights(features.weights, backbone)
    open_store(features.memory, features.memory_limit)
    check_pixel_range(features.pixel_range)
    shape = backbone.min_size, backbone.min_size, backbone.channels or 1
    architecture = BodyArchitecture(backbone, shape, features.input_size, "float32")
    layers = resolve_layers(backbone, features.layer)
    names = [layers] if isinstance(layers, str) else layers
    if len(names) > 1 or names[0] not in ("features", *backbone.stages):
        from .._networks.pooled_features import get_pooled_features

        get_pooled_features(architecture, names, features.pooling)
