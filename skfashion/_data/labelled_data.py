"""Validated images with labels and sample weights, and the splits that a fit makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import compute_class_weight

from .class_split import encode
from .labels import as_item
from .lazy_images import ImageFormat, LazyImages
from .row_subset import RowSubset


@dataclass(frozen=True)
class LabelledData:
    """A training or validation set.

    Parameters
    ----------
    X : RowSubset or LazyImages, of length n
        Flat rows, or the images made of them.
    y : ndarray of shape (n,)
        Labels.
    weight : ndarray of shape (n,)
        Sample weights.
    index : ndarray of int of shape (n,)
        Index of each row in the data that the caller passed.
    """

    X: RowSubset | LazyImages
    y: np.ndarray
    weight: np.ndarray
    index: np.ndarray

    @classmethod
    def of_positive_weight(cls, X, y, weight) -> "LabelledData":
        """Return all rows of an array whose weight is not zero."""
        data = cls(RowSubset(X), y, weight, np.arange(len(y)))
        return data if weight.all() else data.take(np.flatnonzero(weight))

    def __len__(self) -> int:
        return len(self.y)

    @property
    def rows(self) -> RowSubset:
        """The flat rows, of images as well."""
        return self.X.rows if isinstance(self.X, LazyImages) else self.X

    def take(self, indices: np.ndarray) -> "LabelledData":
        """Return the rows at these indices, or where this mask is true."""
        return LabelledData(
            self.X.take(indices), self.y[indices], self.weight[indices], self.index[indices]
        )

    def of_classes(self, labels) -> "LabelledData":
        """Return the rows whose label is one of `labels`."""
        wanted = np.isin(self.y, labels)
        return self if wanted.all() else self.take(wanted)

    def without_other_images(self) -> "LabelledData":
        """Return the same rows, without the other images of `X`; call it before rows are read."""
        return replace(self, X=self.rows.without_other_images())

    def sample(self, n_rows: int, seed: int) -> "LabelledData":
        """Return at most this many rows, drawn at random and stratified by label, in order."""
        if len(self) <= n_rows:
            return self
        counts = np.unique(self.y, return_counts=True)[1]
        # The rows that are taken and those that are left each need one of every class.
        is_stratified = min(n_rows, len(self) - n_rows) >= len(counts) and counts.min() > 1
        chosen, _ = train_test_split(
            np.arange(len(self)),
            train_size=n_rows,
            stratify=self.y if is_stratified else None,
            random_state=seed,
        )
        return self.take(np.sort(chosen))

    def hold_out(self, n_rows: int, seed: int) -> tuple["LabelledData", "LabelledData"]:
        """Split the rows, stratified by label, into those to train on and those held out.

        Parameters
        ----------
        n_rows : int
            How many rows are held out.
        seed : int
            Seed of the split.

        Raises
        ------
        ValueError
            If there are too few rows for a stratified split.
        """
        training, validation = train_test_split(
            np.arange(len(self)), test_size=n_rows, stratify=self.y, random_state=seed
        )
        return self.take(training), self.take(validation)

    def class_weights(self, class_weight) -> Mapping[Any, float] | None:
        """Return the weight of each class.

        Parameters
        ----------
        class_weight : dict, "balanced" or None
            As in scikit-learn. "balanced" gives each class of these rows the same sum of weights.
        """
        if class_weight is None:
            return None
        if isinstance(class_weight, Mapping):
            return {as_item(each, self.y.dtype): weight for each, weight in class_weight.items()}
        present = np.unique(self.y)
        if not len(present):
            return None
        weights = compute_class_weight(
            class_weight, classes=present, y=self.y, sample_weight=self.weight
        )
        return dict(zip(present.tolist(), weights, strict=True))

    def weighted_by_class(self, class_weights) -> "LabelledData":
        """Multiply the sample weights by the class weights.

        Parameters
        ----------
        class_weights : dict or None
            Weights by label. Labels that it lacks have 1, and those of other tasks are ignored.
        """
        if class_weights is None:
            return self
        present = np.unique(self.y)
        per_class = np.array([class_weights.get(label, 1.0) for label in present.tolist()])
        return replace(self, weight=self.weight * per_class[encode(present, self.y)])


def to_images(
    train: LabelledData, validation: LabelledData | None, image_format: ImageFormat, float_type: str
) -> tuple[LabelledData, LabelledData | None]:
    """Return the data with images in place of rows."""

    def convert(data, name):
        return replace(data, X=image_format.lazy_images(data.rows, float_type, name))

    return convert(train, "X"), None if validation is None else convert(validation, "X_val")
