"""Columns of a table of candidates: freeze points, numbers of parameters, varying parameters."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from math import nan
from typing import Any

import numpy as np

from .._backbones.spec import Backbone
from .._estimators.transfer_classifier import TransferClassifier
from ._candidates import (
    Candidate,
    SearchData,
    build_architecture,
    depends_on_rows,
    possible_settings,
    resolve_freeze_until,
)

_UNKNOWN: dict[str, Any] = {
    "backbone": None,
    "freeze_until": None,
    "freeze_point": nan,
    "cut": nan,
    "depth": nan,
    "position": nan,
    "n_frozen_params": nan,
    "n_trainable_params": nan,
}
# Everything that a freeze point and numbers of parameters depend on.
_DESCRIBED_BY = (
    "backbone",
    "weights",
    "freeze_until",
    "body_until",
    "head_init",
    "output_layer",
    "epochs",
    "pretrain_classes",
    "target_classes",
    "hidden_units",
    "input_size",
    "image_shape",
    "dropout",
    "feature_dropout",
)


def describe_candidates(candidates: Iterable[Candidate], data: SearchData) -> dict[str, list[Any]]:
    """Return the backbone, freeze point, depth and numbers of parameters of candidates.

    The position of a freeze point orders the layers of a body that have the same depth.

    Parameters
    ----------
    candidates : iterable of Candidate
        Candidates of a search.
    data : SearchData
        The known facts of the data.

    Returns
    -------
    dict of str to list
        Columns by name, with one value per candidate.
    """
    descriptions: dict[tuple[Any, ...] | None, dict[str, Any]] = {}
    keys = []
    for candidate in candidates:
        key = _description_key(candidate)
        # Candidates that differ in other parameters share one description.
        if key not in descriptions:
            is_valid = key is not None and key[0]
            received = data.for_candidate(candidate)
            descriptions[key] = _describe(candidate.classifier, is_valid, received)
        keys.append(key)
    return {name: [descriptions[key][name] for key in keys] for name in _UNKNOWN}


def _description_key(candidate: Candidate) -> tuple[Any, ...] | None:
    """Return whether a candidate is valid, and what else its description depends on."""
    classifier = candidate.classifier
    if classifier is None:
        return None
    values = [getattr(classifier, name) for name in _DESCRIBED_BY]
    return _is_valid(classifier), *map(repr, [*values, candidate.params_of_steps()])


def _is_valid(classifier: TransferClassifier) -> bool:
    """Return whether every parameter has a type and a value that it may have."""
    try:
        classifier._validate_params()
    except ValueError:
        return False
    return True


def _describe(
    classifier: TransferClassifier | None, is_valid: bool, data: SearchData
) -> dict[str, Any]:
    """Return the freeze point of a classifier and the numbers of parameters."""
    if classifier is None:
        return _UNKNOWN
    description = {
        **_UNKNOWN,
        "backbone": _to_readable(classifier.backbone),
        "freeze_until": classifier.freeze_until,
    }
    # An invalid candidate has no freeze point and a score of nan.
    if is_valid:
        with suppress(ValueError):
            description |= _describe_freeze(classifier, data)
    return description


def _describe_freeze(classifier: TransferClassifier, data: SearchData) -> dict[str, Any]:
    settings = possible_settings(classifier, data)
    if len({resolve_freeze_until(classifier, each) for each in settings}) > 1:
        return {}
    from .._networks.network import get_network

    network = get_network(build_architecture(classifier, data))
    point = network.resolve_freeze_point(resolve_freeze_until(classifier, settings[-1]))
    # Layers before the first stage depend on the shape of the images.
    first = network.operation_index(network.architecture.backbone.stages[0])
    description = {
        "freeze_point": point,
        "cut": network.name_of_cut(point),
        "depth": network.count_frozen_stages(point),
        "position": network.operation_index(point) - first,
    }
    is_known = data.image_shape_for(classifier) and data.split_for(classifier)
    if is_known and not depends_on_rows(settings):
        n_frozen, n_trainable = network.count_parameters(point)
        description |= {"n_frozen_params": n_frozen, "n_trainable_params": n_trainable}
    return description


def varying_params(candidates: Sequence[Candidate]) -> dict[str, list[Any]]:
    """Return the parameters in which candidates differ, except backbone and freeze point.

    Parameters
    ----------
    candidates : sequence of Candidate
        Candidates of a search.

    Returns
    -------
    dict of str to list
        Values by the short name of the parameter; by its full name where short names are equal.
    """
    names = dict.fromkeys(name for candidate in candidates for name in candidate.params)
    columns = {}
    for name in names:
        # A candidate whose grid lacks the parameter has the estimator's value.
        values = [_to_readable(each.estimator.get_params().get(name)) for each in candidates]
        if len(set(map(repr, values))) > 1:
            columns[name] = values
    prefixes = {candidate.prefix for candidate in candidates}
    short = {name: _without_prefix(name, prefixes) for name in columns}
    taken = [*short.values(), *_UNKNOWN]
    return {
        short[name] if taken.count(short[name]) == 1 else name: values
        for name, values in columns.items()
        if not any(name in (f"{p}backbone", f"{p}freeze_until") for p in prefixes)
    }


def _without_prefix(name: str, prefixes: Iterable[str]) -> str:
    for prefix in sorted(prefixes, key=len, reverse=True):
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    return name.rsplit("__", 1)[-1]


def _to_readable(value: Any) -> Any:
    """Return a value that a table can show, compare and group by."""
    if isinstance(value, Backbone):
        return value.name
    if hasattr(value, "__array__"):
        value = np.asarray(value).tolist()
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if isinstance(value, list | tuple | range):
        return tuple(map(_to_readable, value))
    return value
