"""Candidates of a search as unfitted estimators, and the known facts of their data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from .._backbones.body_end import end_body_at
from .._backbones.freeze_points import choose_freeze_until
from .._backbones.registry import get_backbone
from .._backbones.spec import Backbone
from .._data.class_split import ClassSplit, split_classes
from .._data.image_input import decoded_shape_in_first_fit, shape_of_files
from .._data.image_shapes import as_rows, complete_shape, find_image_shape
from .._data.labels import list_labels
from .._data.validation import check_labels
from .._estimators.defaults import FEW_ROWS, FitSettings
from .._estimators.find_classifier import changes_images, find_classifier, fitted_classifier
from .._estimators.transfer_classifier import TransferClassifier
from .._networks.architecture import Architecture
from ._fold_sizes import find_smallest_fold


@dataclass(frozen=True)
class SearchData:
    """The known facts of the data of a search.

    Parameters
    ----------
    X : array-like of shape (n, ...) or None
        The input of the search: images or flat rows.
    y : array-like of shape (n,) or None
        The labels of both tasks. If a classifier would refuse them, they are unchanged.
    labels : ndarray of shape (n_labels,) or None
        The distinct labels of both tasks; `None` if unknown or invalid.
    failure : str or None
        The error of a `TransferClassifier` about `y`; `None` for valid labels.
    best : TransferClassifier or None
        The fitted classifier of the best candidate.
    params_of_best : dict of str to object or None
        Parameters of that candidate.
    is_as_in_best : bool, default=True
        Whether the classifier receives images of the same shape as that of the best candidate.
    smallest_fold : int or None
        Rows of the target task in the smallest training fold.
    """

    X: Any = None
    y: Any = None
    labels: np.ndarray | None = None
    failure: str | None = None
    best: TransferClassifier | None = None
    params_of_best: Mapping[str, Any] | None = None
    is_as_in_best: bool = True
    smallest_fold: int | None = None

    @classmethod
    def before_fit(cls, X: Any, y: Any) -> "SearchData":
        """Take the data of an unfitted search; `X` and `y` may be `None`."""
        if y is None:
            return cls(X)
        try:
            y = check_labels(y)
        except (TypeError, ValueError) as error:
            # Other estimators of a search may take such labels.
            return cls(X, y, failure=str(error))
        return cls(X, y, np.unique(y))

    @classmethod
    def after_fit(cls, search: Any, X: Any, y: Any) -> "SearchData":
        """Take the facts of the best estimator of a fitted search, else `X` and `y`."""
        data = cls.before_fit(X, y)
        try:
            fitted = fitted_classifier(search, inside_others=True)
        except (TypeError, NotFittedError):  # of other estimators, or inside a meta-estimator
            return data
        params = getattr(search, "best_params_", None)
        split = fitted._fitted.split
        fold = find_smallest_fold(search, fitted._settings.n_target, len(split.left_out) > 0)
        data = replace(data, labels=split.known, failure=None, smallest_fold=fold)
        return replace(data, best=fitted, params_of_best=params)

    def for_candidate(self, candidate: "Candidate") -> "SearchData":
        """Return the facts of the data that the classifier of a candidate receives."""
        # The output of other pipeline steps is not known.
        X = None if changes_images(candidate.estimator) else self.X
        params = candidate.params_of_steps(self.params_of_best or {})
        return replace(self, X=X, is_as_in_best=params == candidate.params_of_steps())

    @property
    def has_few_images(self) -> bool | None:
        """Whether the target task has at most `FEW_ROWS` rows in each fit.

        `None` if that is unknown, or differs between the fits of the folds and that of all rows.
        """
        n_rows = None if self.best is None else self.best._settings.n_target
        if n_rows is not None and n_rows <= FEW_ROWS:
            return True
        return False if (self.smallest_fold or 0) > FEW_ROWS else None

    def image_shape_for(self, classifier: TransferClassifier) -> tuple[int, int, int] | None:
        """Return the shape of the images that a classifier receives, `None` if unknown."""
        best = self.best if self.is_as_in_best else None
        decoded = None if self.X is None else decoded_shape_in_first_fit(classifier, self.X)
        # Few images may all have one size, other than that of the images in `fit`.
        if decoded is not None and (
            best is None or decoded_shape_in_first_fit(best, self.X) == best.image_shape_
        ):
            return decoded
        shape = None if best is None else _shape_as_in(best, classifier)
        if shape is not None or decoded is not None or self.X is None:
            return shape
        rows, shape = as_rows(self.X, classifier.image_shape)
        return find_image_shape(shape, np.shape(rows)[1], classifier.image_shape)

    def split_for(self, classifier: TransferClassifier) -> ClassSplit | None:
        """Return the class split of a classifier, `None` if unknown.

        Raises
        ------
        ValueError
            If the classifier would refuse the labels.
        """
        if self.failure is not None:
            raise ValueError(self.failure)
        source, target = classifier.pretrain_classes, classifier.target_classes
        if self.labels is not None:
            return split_classes(self.labels, source, target)
        if target is None:
            return None
        named = list_labels(source, "pretrain_classes") + list_labels(target, "target_classes")
        return split_classes(np.unique(np.array(named)), source, target)


def _shape_as_in(
    fitted: TransferClassifier, classifier: TransferClassifier
) -> tuple[int, int, int] | None:
    """Return the shape of a classifier's images in the fit of another, `None` if unknown."""
    if classifier.image_shape is not None:
        return complete_shape(classifier.image_shape)
    if fitted.image_shape is not None:
        return None
    shape, other = fitted.image_shape_, shape_of_files(classifier)
    of_fitted = shape_of_files(fitted)
    # Only flattened features have different numbers of parameters in images of different sizes.
    averages = get_backbone(classifier.backbone).pooling != "flatten"
    if shape in (other, of_fitted):
        # Images were decoded, or are arrays of the shape that decoded images have.
        is_known = shape == other or averages or classifier.input_size is not None
        return other if is_known else None
    if not averages and other[0] < max(shape[:2]) <= of_fitted[0]:
        # Only Pillow images of one size would be resized.
        return None
    return shape


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

    def params_of_steps(self, params: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Return parameters outside the classifier, as text; of this candidate by default."""
        params = self.params if params is None else params
        return {n: repr(value) for n, value in params.items() if not n.startswith(self.prefix)}


def build_architecture(classifier: TransferClassifier, data: SearchData) -> Architecture:
    """Return the architecture of a classifier with the dtype left out.

    Only layers and the shapes of their weights matter here. An unknown image shape is replaced by
    the smallest of the backbone, an unknown number of classes by 2. "auto" is resolved as for many
    images, unless they are known to be few.
    """
    settings = possible_settings(classifier, data)[-1]
    backbone = _end_body(settings.whole_backbone(classifier), settings.body_until)
    split = data.split_for(classifier)
    smallest = backbone.min_size, backbone.min_size, backbone.channels or 1
    planned = Architecture.from_params(
        classifier,
        backbone,
        data.image_shape_for(classifier) or smallest,
        settings.hidden_units,
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
    return _end_body(get_backbone(classifier.backbone), classifier.body_until)


def _end_body(backbone: Backbone, end: str | int | None) -> Backbone:
    return end_body_at(backbone, None if end == "auto" else end)


def possible_settings(classifier: TransferClassifier, data: SearchData) -> list[FitSettings]:
    """Return the settings of a fit: those for few images, for many, or both if unknown."""
    few = data.has_few_images
    numbers = [n for n, is_few in ((1, True), (FEW_ROWS + 1, False)) if few in (None, is_few)]
    n_source = int(classifier.pretrain_classes is not None)
    return [FitSettings.resolve(classifier, n_source, n, n, is_partial=False) for n in numbers]


def depends_on_rows(settings: Sequence[FitSettings]) -> bool:
    """Return whether the layers depend on the images or their number.

    Parameters
    ----------
    settings : sequence of FitSettings
        Settings of one classifier, as `possible_settings` returns them.
    """
    layers = {(each.hidden_units, each.body_until) for each in settings}
    return len(layers) > 1 or settings[0].body_until == "auto"


def resolve_freeze_until(classifier: TransferClassifier, settings: FitSettings) -> str | int | None:
    """Return `freeze_until` of a classifier, with "auto" resolved by the settings of its fit."""
    backbone = _end_body(settings.whole_backbone(classifier), settings.body_until)
    is_pretrained = settings.starts_pretrained(classifier, classifier.pretrain_classes is not None)
    return choose_freeze_until(classifier, backbone, is_pretrained)
