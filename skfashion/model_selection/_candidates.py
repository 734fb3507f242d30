"""Candidates of a search, as estimators that are not fitted, and the classifier inside each."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import clone

from .._backbones.freeze_points import choose_freeze_until
from .._backbones.registry import get_backbone
from .._data.class_split import ClassSplit, split_classes
from .._data.image_shapes import as_rows, find_image_shape
from .._estimators.transfer_classifier import TransferClassifier
from .._networks.architecture import Architecture


@dataclass(frozen=True)
class Data:
    """What is known of the data of a search.

    Parameters
    ----------
    X : array-like or None
        Images or flat rows, as the classifier gets them.
    image_shape : tuple of (h, w, c) or None
        What the images of a fitted classifier were.
    labels : ndarray or None
        Labels, each once or more.
    """

    X: object = None
    image_shape: tuple[int, int, int] | None = None
    labels: np.ndarray | None = None

    @classmethod
    def before_fit(cls, search, X, y) -> "Data":
        """Take what a search will be fitted on; both may be `None`."""
        # Behind other steps nobody knows what the classifier will see.
        seen = None if _changes_images(search.estimator) else X
        return cls(seen, None, None if y is None else np.unique(np.asarray(y)))

    @classmethod
    def after_fit(cls, search, X, y) -> "Data":
        """Take what a fitted search knows, or else the same."""
        best = getattr(search, "best_estimator_", None)
        fitted = None if best is None else find_classifier(best)[0]
        if fitted is None:
            return cls.before_fit(search, X, y)
        return cls(None, fitted.image_shape_, fitted._split.known)

    def image_shape_for(self, classifier) -> tuple[int, int, int] | None:
        """Return the shape of the images that a classifier gets, `None` if it is not known."""
        if self.image_shape is not None or self.X is None:
            return self.image_shape
        rows, shape = as_rows(self.X, classifier.image_shape)
        return find_image_shape(shape, np.shape(rows)[1], classifier.image_shape)

    def split_for(self, classifier) -> ClassSplit | None:
        """Return the tasks of a classifier, `None` if they are not known."""
        source, target = classifier.pretrain_classes, classifier.target_classes
        if self.labels is not None:
            return split_classes(self.labels, source, target)
        if target is None:
            return None
        return split_classes(
            np.unique([*(() if source is None else source), *target]), source, target
        )


class Candidate:
    """A candidate of a search.

    Parameters
    ----------
    search : estimator
        The search.
    params : dict
        The candidate's parameters, by the names that the search gives them.

    Raises
    ------
    ValueError
        If there is no parameter of such a name.
    """

    def __init__(self, search, params):
        self.params = params
        self.estimator = clone(search.estimator).set_params(**clone(params, safe=False))
        self.classifier, self.prefix = find_classifier(self.estimator)


def architecture_of(classifier: TransferClassifier, data: Data) -> Architecture:
    """Return the architecture of a classifier, as far as layers and their weights go.

    What is not known is as small as can be.
    """
    backbone = get_backbone(classifier.backbone)
    split = data.split_for(classifier)
    smallest = backbone.min_size, backbone.min_size, backbone.channels or 1
    planned = Architecture.from_params(
        classifier,
        data.image_shape_for(classifier) or smallest,
        2 if split is None else len(split.target),
    )
    return replace(planned, dropout=0.0, feature_dropout=0.0, dtype="float32")


def freeze_until_of(classifier: TransferClassifier) -> str | int | None:
    """Return `freeze_until` of a classifier, and what it comes to where it is "auto"."""
    pretrains = classifier.pretrain_classes is not None
    return choose_freeze_until(classifier, get_backbone(classifier.backbone), pretrains)


def find_classifier(estimator) -> tuple[TransferClassifier | None, str]:
    """Return the `TransferClassifier` at the end, or `None`, and its parameters' prefix."""
    prefix = ""
    while not isinstance(estimator, TransferClassifier):
        if hasattr(estimator, "steps"):
            name, estimator = estimator.steps[-1]
        elif hasattr(estimator, "estimator"):
            name, estimator = "estimator", estimator.estimator
        else:
            return None, ""
        prefix += f"{name}__"
    return estimator, prefix


def _changes_images(estimator) -> bool:
    """Whether a pipeline does something to images before the classifier gets them."""
    while not hasattr(estimator, "steps"):
        if not hasattr(estimator, "estimator"):
            return False
        estimator = estimator.estimator
    return any(step not in (None, "passthrough") for _, step in estimator.steps[:-1])
