"""Facts on fitted estimators, by names that a page shows."""

import platform
from collections.abc import Sequence
from importlib import metadata
from inspect import signature
from math import prod
from os import PathLike, fspath
from pathlib import PurePath
from typing import Any

import numpy as np

from .._backbones.spec import Backbone
from .._version import __version__

_PACKAGES = ("numpy", "scikit-learn", "keras", "tensorflow", "pillow")
_CHANNELS = {1: "1 channel (grey)", 3: "3 channels (RGB)"}
_NETWORK = {
    "body_until_": "last stage of the backbone",
    "freeze_point_": "frozen until",
    "n_frozen_params_": "frozen parameters",
    "n_trainable_params_": "trained parameters",
    "hidden_units_": "units of the hidden layer",
}
_FEATURES = {
    "layer": "layer of the features",
    "pooling": "pooling of the features",
    "n_features_out": "features of an image",
}
_TRAINING = {
    "n_iter_": "epochs",
    "batch_size_": "batch size",
    "optimizer": "optimizer",
    "early_stopping": "early stopping",
    "head_init_": "start of the output layer",
    "kept_probe_": "output layer is the probe",
}
_HISTORY = {
    "loss": "loss",
    "accuracy": "accuracy",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
}
# Parameters with paths. A page for others shows only the last part.
_PATHS = {"weights", "memory", "checkpoint"}
# Values whose elements are shown as values of parameters are.
_CONTAINERS: dict[type, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")"), dict: ("{", "}")}

Facts = dict[str, Any]


def describe_input(part: Any) -> Facts:
    """Return the input of a fitted estimator of this library."""
    height, width, n_channels = part.image_shape_
    black, white = part.pixel_range_
    channels = _CHANNELS.get(n_channels, f"{n_channels} channels")
    facts = {"image": f"{height} x {width} pixels, {channels}"}
    if is_padded(part):
        facts["X"] = f"(n, {part.n_features_in_}): rows of numbers, which are padded to an image"
    else:
        shape = ", ".join(map(str, array_shape(part)))
        facts["X"] = f"(n, {shape}), or flat rows, (n, {part.n_features_in_})"
        if n_channels in _CHANNELS:
            facts["X of files"] = (
                f"n paths, decoded and resized with resize={part._fitted_resize!r}"
            )
    facts["pixels"] = f"{black:g} (black) to {white:g} (white)"
    size = part._fitted_state().body_state.architecture.body_size
    return {**facts, "size in the network": f"{format_value(size)} pixels"}


def describe_network(part: Any) -> Facts:
    """Return the network of a fitted estimator of this library."""
    state = part._fitted_state()
    body = state.body_state.architecture
    return {
        "backbone": body.backbone.name,
        "weights at the start": _describe_weights(part.weights, body.backbone),
        **_existing(part, _NETWORK),
        **_existing(state, _FEATURES),
        "type of numbers": body.dtype,
    }


def describe_training(part: Any) -> Facts:
    """Return the training of a fitted estimator; nothing without training."""
    history, before = getattr(part, "history_", {}), getattr(part, "pretrain_history_", {})
    facts: Facts = {"epochs on the source task": len(before.get("loss", []))} if before else {}
    facts |= _existing(part, _TRAINING)
    for name, fact in _HISTORY.items():
        # A call without validation rows has no value.
        if (values := history.get(name)) and not np.isnan(values[-1]):
            facts[f"{fact} in the last epoch"] = f"{values[-1]:.3f}"
    if seconds := [*before.get("seconds", []), *history.get("seconds", [])]:
        facts["seconds of training"] = f"{np.nansum(seconds):.0f}"
    return facts


def changed_parameters(estimator: Any) -> dict[str, str]:
    """Return the parameters that are not the defaults, as code."""
    defaults = signature(type(estimator)).parameters
    values = estimator.get_params(deep=False)
    return {
        name: format_parameter(name, value)
        for name, value in values.items()
        if name not in defaults or repr(value) != repr(defaults[name].default)
    }


def format_parameter(name: str, value: Any) -> str:
    """Return the value of a parameter as code. Paths are shown without folders."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        texts = (f"{each}={text}" for each, text in changed_parameters(value).items())
        return f"{type(value).__name__}({', '.join(texts)})"
    if type(value) in _CONTAINERS:
        return _format_elements(name, value)
    value = getattr(value, "location", value)  # of a joblib.Memory
    is_path = name.rpartition("__")[2] in _PATHS and isinstance(value, str)
    return repr(PurePath(value).name if is_path or isinstance(value, PathLike) else value)


def _format_elements(name: str, values: Any) -> str:
    """Return a list, a tuple or a dict as code, and its elements as `format_parameter` does."""
    opening, closing = _CONTAINERS[type(values)]
    if isinstance(values, dict):
        texts = [
            f"{format_parameter('', key)}: "
            f"{format_parameter(key if isinstance(key, str) else name, each)}"
            for key, each in values.items()
        ]
    else:
        texts = [format_parameter(name, each) for each in values]
    comma = "," if isinstance(values, tuple) and len(values) == 1 else ""
    return f"{opening}{', '.join(texts)}{comma}{closing}"


def find_versions() -> dict[str, str]:
    """Return the versions of this library, of its dependencies, and of the system."""
    versions = {"skfashion": __version__, "Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # such as tensorflow-cpu, which has the module
            continue
    return {**versions, "system": platform.platform()}


def format_value(value: Any) -> str:
    """Return the value of a fact as text."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        are_names = any(isinstance(each, str) for each in value)
        return (", " if are_names else " x ").join(map(str, value))
    return "nothing" if value is None else str(value)


def has_backbone(estimator: Any) -> bool:
    """Whether an estimator belongs to this library. The functions above describe it."""
    return hasattr(estimator, "_fitted_state")


def is_padded(part: Any) -> bool:
    """Whether a fitted estimator of this library takes rows that are shorter than an image."""
    return prod(part.image_shape_) != part.n_features_in_


def array_shape(part: Any) -> tuple[int, ...]:
    """Return the shape of an image, or of a row, in the simplest input array of an estimator."""
    if is_padded(part):
        return (part.n_features_in_,)
    shape = part.image_shape_
    return shape[:2] if shape[2] == 1 else shape


def _existing(source: Any, names: dict[str, str]) -> Facts:
    return {fact: getattr(source, name) for name, fact in names.items() if hasattr(source, name)}


def _describe_weights(weights: str | PathLike | None, backbone: Backbone) -> str:
    if weights is None:
        return "random"
    official = backbone.official
    if weights != "imagenet" or official is None:
        return f"file {PurePath(fspath(weights)).name}"
    if official.file_hash is None:
        return f"official release, file {official.file_name}"
    kind = "SHA-256" if len(official.file_hash) == 64 else "MD5"
    return f"official release, file {official.file_name}, {kind} {official.file_hash}"
