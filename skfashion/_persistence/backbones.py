"""Backbones in files: a name, a description, and the features of one image. No code is saved."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import prod
from typing import Any

import numpy as np

from .._backbones.body_end import BodyUntil, end_body_at
from .._backbones.catalog import BUILT_IN
from .._backbones.registry import get_backbone
from .._backbones.spec import Backbone, with_smallest_side
from .._data.lazy_images import ImageFormat
from .._data.row_subset import RowSubset
from .._messages import warn_user
from .._networks.architecture import BodyArchitecture, Weights

_SHIPPED = {backbone.name: backbone for backbone in BUILT_IN}
# Fields that determine the graph of a network. All others concern training.
_DESCRIPTION = ("stages", "channels", "pooling")
# Fields that a fit to few images, or a body that ends early, changes. Files hold their values.
_CHANGED_BY_FIT = ("min_size", "default_freeze")
_TRAINING = {field.name for field in fields(Backbone)}.difference(
    ("build", *_DESCRIPTION, *_CHANGED_BY_FIT)
)
# Features of one network differ by less than this between machines and versions of TensorFlow,
# relative to the largest.
_TOLERANCE = {"float64": 1e-3, "float32": 1e-3, "mixed_bfloat16": 0.05}


def ships(backbone: Backbone) -> bool:
    """Whether a backbone is in the library's table, perhaps with fewer stages.

    A copy with other training defaults is not.
    """
    shipped = _SHIPPED.get(backbone.name)
    return _has_shipped_graph(backbone) and all(
        getattr(backbone, name) == getattr(shipped, name) for name in _TRAINING
    )


def _has_shipped_graph(backbone: Backbone) -> bool:
    """Whether a backbone adds the same layers as the one of its name in the library's table."""
    shipped = _SHIPPED.get(backbone.name)
    if shipped is None:
        return False
    build, stages = backbone.build, shipped.stages
    if isinstance(build, BodyUntil):
        build, stages = build.build, stages[: len(backbone.stages)]
    described = build, backbone.stages, backbone.channels, backbone.pooling
    return described == (shipped.build, stages, shipped.channels, shipped.pooling)


def encode_backbone(backbone: Backbone) -> dict[str, Any]:
    """Return the name and the description of a backbone, for JSON."""
    described = {name: getattr(backbone, name) for name in _DESCRIPTION}
    return {
        "name": backbone.name,
        "ships": ships(backbone),
        "ends_early": isinstance(backbone.build, BodyUntil),
        **{name: getattr(backbone, name) for name in _CHANGED_BY_FIT},
        **described,
        "stages": list(backbone.stages),
    }


def decode_backbone(coded: dict[str, Any], backbones: Sequence[Backbone]) -> Backbone:
    """Return the backbone of this name and description.

    Parameters
    ----------
    coded : dict
        As `encode_backbone` returns it.
    backbones : sequence of Backbone
        Backbones that the user gave, which are searched before the registered ones. If the file
        says that the backbone ships, the library's table is used.

    Raises
    ------
    ValueError
        If there is none of this name, or its description differs.
    """
    backbone = _find_backbone(coded["name"], coded["ships"], backbones)
    if coded["ends_early"]:
        backbone = end_body_at(backbone, coded["stages"][-1])
    _check_description(backbone, coded)
    if ships(backbone) and not coded["ships"]:
        warn_user(
            f"The estimator was saved with a changed copy of backbone {backbone.name!r}, and is "
            f"loaded with the one that ships with skfashion. {_remedy(False)}"
        )
    backbone = with_smallest_side(backbone, int(coded["min_size"]))
    # The first files of this format have no default_freeze.
    return replace(backbone, default_freeze=coded.get("default_freeze", backbone.default_freeze))


def _check_description(backbone, coded):
    for name in _DESCRIPTION:
        found = getattr(backbone, name)
        found = list(found) if name == "stages" else found
        if found != coded[name]:
            raise ValueError(
                f"backbone {backbone.name!r} has {name}={found!r}, and the estimator was saved "
                f"with {name}={coded[name]!r}. {_remedy(coded['ships'])}"
            )


def _find_backbone(name, is_shipped, backbones):
    if is_shipped:
        if name not in _SHIPPED:
            raise ValueError(f"backbone {name!r} does not ship with this version of skfashion")
        return _SHIPPED[name]
    for backbone in backbones:
        if backbone.name == name:
            return backbone
    try:
        return get_backbone(name)
    except ValueError:
        raise ValueError(
            f"it needs the backbone {name!r}, which does not ship with skfashion, and files hold "
            "no code. Define it as it was, and pass it as backbones=[BACKBONE], or call "
            "register_backbone."
        ) from None


def _remedy(is_shipped):
    if is_shipped:
        return "Load it with the version of skfashion that saved it."
    return "Pass the Backbone that it was fitted with as backbones=[BACKBONE]."


@dataclass(frozen=True)
class BodyState:
    """A fitted body: everything that its features depend on.

    Parameters
    ----------
    architecture : BodyArchitecture
        The body.
    layer : str or list of str
        The layers whose outputs are the features.
    pooling : {"average", "max", "flatten"}
        Conversion of the outputs to a vector.
    weights : dict of str to ndarray
        Weights by path, which may include others.
    image_format : ImageFormat
        Conversion of rows to images.
    """

    architecture: BodyArchitecture
    layer: str | list[str]
    pooling: str
    weights: Weights
    image_format: ImageFormat

    def fingerprint(self) -> np.ndarray | None:
        """Return features of one fixed image; `None` if the layers ship with the library."""
        if _has_shipped_graph(self.architecture.backbone):
            return None
        return self._features_of_fixed_image()

    def _features_of_fixed_image(self) -> np.ndarray:
        """Return features that distinguish backbones.

        A hash of code or of Keras' configuration would change with comments and versions. Equal
        features show that layers and weights have the same meaning, for any code.
        """
        from .._networks.pooled_features import get_pooled_features

        extractor = get_pooled_features(self.architecture, self.layer, self.pooling)
        for path in extractor.paths:
            if path not in self.weights or self.weights[path].shape != extractor.body.shapes[path]:
                raise ValueError(f"the file has no weights {path!r} of its shape")
        float_type = self.architecture.float_type
        n_pixels = prod(self.image_format.image_shape)
        row = np.linspace(*self.image_format.pixel_range, n_pixels, dtype=float_type)
        images = self.image_format.lazy_images(RowSubset(row[None]), float_type)
        return extractor.features(self.weights, images)

    def check(self, saved: np.ndarray | None) -> None:
        """Compare the features of the fixed image with the saved ones.

        Raises
        ------
        ValueError
            If they differ, or the backbone has other weights.
        """
        self._check_weights()
        backbone = self.architecture.backbone
        if _has_shipped_graph(backbone):
            # A forged file could otherwise request the features of a very large image.
            if saved is not None:
                raise ValueError(
                    f"backbone {backbone.name!r} ships with skfashion, and the estimator was saved "
                    f"with another one of this name. {_remedy(False)}"
                )
            return
        try:
            found = self._features_of_fixed_image()
        except ValueError as error:
            raise ValueError(f"backbone {backbone.name!r}: {error}. {_remedy(False)}") from error
        scale = np.abs(found).max(initial=0)
        tolerance = _TOLERANCE[self.architecture.dtype] * scale
        is_comparable = saved is not None and saved.shape == found.shape
        if not is_comparable or not np.allclose(found, np.asarray(saved), rtol=0, atol=tolerance):
            raise ValueError(
                f"backbone {backbone.name!r} computes other features than the one that the "
                f"estimator was saved with. {_remedy(False)}"
            )

    def _check_weights(self):
        """Check the weights as far as possible without TensorFlow."""
        if self.architecture.dtype not in _TOLERANCE:
            raise ValueError(f"dtype={self.architecture.dtype!r} is unknown")
        if self.architecture.image_shape != self.image_format.image_shape:
            raise ValueError("the shapes of images contradict each other")
        for path, array in self.weights.items():
            if not np.isfinite(array).all():
                raise ValueError(f"the weights {path!r} are not all finite")
