"""Candidates of a search as unfitted estimators, and the known facts of their data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from .._backbones.body_end import end_body_at
from .._backbones.freeze_points import choose_freeze_until
from .._backbones.registry import get_backbone
from .._backbones.spec import Backbone
from .._data.class_split import ClassSplit, split_classes
from .._data.image_input import shape_in_first_fit
from .._data.image_list import images_to_decode
from .._data.image_shapes import as_rows, find_image_shape
from .._estimators.defaults import FEW_ROWS, FitSettings
from .._estimators.find_classifier import changes_images, find_classifier
from .._estimators.transfer_classifier import TransferClassifier
from .._networks.architecture import Architecture


@dataclass(frozen=True)
class SearchData:
    """The known facts of the data of a search.

    Parameters
    ----------
    X : array-like of shape (n, ...) or None
        Images or flat rows, as the classifier receives them.
    image_shape : tuple of (h, w, c) or None
        Image shape of a fitted classifier.
    labels : ndarray of shape (n_labels,) or None
        The distinct labels of both tasks.
    many_images : bool
        Whether the target task is known to have more than `FEW_ROWS` rows.
    """

    X: Any = None
    image_shape: tuple[int, int, int] | None = None
    labels: np.ndarray | None = None
    many_images: bool = False

    @classmethod
    def before_fit(cls, search: Any, X: Any, y: Any) -> "SearchData":
        """Take the data of an unfitted search; `X` and `y` may be `None`."""
        # The output of other pipeline steps is not known, so neither is the classifier's input.
        received = None if changes_images(search.estimator) else X
        return cls(received, None, None if y is None else np.unique(np.asarray(y)))

    @classmethod
    def after_fit(cls, search: Any, X: Any, y: Any) -> "SearchData":
        """Take the facts of the best estimator of a fitted search, else `X` and `y`."""
        best = getattr(search, "best_estimator_", None)
        fitted = None if best is None else find_classifier(best)[0]
        if fitted is None:
            return cls.before_fit(search, X, y)
        is_many = fitted.weights is not None and not fitted._settings.few_images
        return cls(None, fitted.image_shape_, fitted._fitted.split.known, is_many)

    def image_shape_for(self, classifier: TransferClassifier) -> tuple[int, int, int] | None:
        """Return the shape of the images that a classifier receives, `None` if unknown."""
        if self.image_shape is not None or self.X is None:
            return self.image_shape
        if images_to_decode(self.X) is not None:
            return shape_in_first_fit(classifier)
        rows, shape = as_rows(self.X, classifier.image_shape)
        return find_image_shape(shape, np.shape(rows)[1], classifier.image_shape)

    def split_for(self, classifier: TransferClassifier) -> ClassSplit | None:
        """Return the class split of a classifier, `None` if unknown."""
        source, target = classifier.pretrain_classes, classifier.target_classes
        if self.labels is not None:
            return split_classes(self.labels, source, target)
        if target is None:
            return None
        named = target if source is None else np.concatenate([source, target])
        return split_classes(np.unique(named), source, target)


class Candidate:
    """A candidate of a search.

    Parameters
    ----------
    search : estimator
        The search.
    params : dict of str to object
        Parameters of the candidate, under the names that the search uses.

    Raises
    ------
    ValueError
        If the estimator has no parameter of such a name.
    """

    def __init__(self, search: Any, params: Mapping[str, Any]) -> None:
        self.params = params
        self.estimator = clone(search.estimator).set_params(**clone(params, safe=False))
        self.classifier, self.prefix = find_classifier(self.estimator)


def build_architecture(classifier: TransferClassifier, data: SearchData) -> Architecture:
    """Return the architecture of a classifier with the dtype left out.

    Only layers and the shapes of their weights matter here. An unknown image shape is replaced by
    the smallest of the backbone, an unknown number of classes by 2. "auto" is resolved as for many
    images.
    """
    backbone = known_backbone(classifier)
    split = data.split_for(classifier)
    smallest = backbone.min_size, backbone.min_size, backbone.channels or 1
    planned = Architecture.from_params(
        classifier,
        backbone,
        data.image_shape_for(classifier) or smallest,
        _settings_for(classifier, FEW_ROWS + 1).hidden_units,
        2 if split is None else len(split.target),
    )
    return replace(planned, dtype="float32")


def known_backbone(classifier: TransferClassifier) -> Backbone:
    """Return the backbone of a classifier up to `body_until`, or all of it if that is "auto".

    Raises
    ------
    ValueError
        If the backbone or stage does not exist.
    """
    backbone, end = get_backbone(classifier.backbone), classifier.body_until
    return end_body_at(backbone, None if end == "auto" else end)


def depends_on_rows(classifier: TransferClassifier) -> bool:
    """Return whether the layers of a classifier depend on the images or their number."""
    few, many = (_settings_for(classifier, n_rows) for n_rows in (1, FEW_ROWS + 1))
    return (few.hidden_units, few.body_until) != (many.hidden_units, many.body_until)


def _settings_for(classifier: TransferClassifier, n_rows: int) -> FitSettings:
    """Return the settings of a fit to this number of images of the target task."""
    return FitSettings.resolve(classifier, 0, n_rows, n_rows, starts=True)


def resolve_freeze_until(classifier: TransferClassifier) -> str | int | None:
    """Return `freeze_until` of a classifier, with "auto" resolved."""
    pretrains = classifier.pretrain_classes is not None
    return choose_freeze_until(classifier, known_backbone(classifier), pretrains)
