"""Validated training data, taken apart by task, and the weights of its rows."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import compute_class_weight

from .class_split import encode, rows_with
from .row_subset import RowSubset


@dataclass(frozen=True)
class LabelledData:
    """Rows of a training or validation set.

    Parameters
    ----------
    X : RowSubset or Images, of length n
        Flat rows, later images.
    y : ndarray of shape (n,)
        Labels.
    weight : ndarray of shape (n,)
        Sample weights.
    index : ndarray of shape (n,)
        Where the rows stand in the caller's data.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray
    index: np.ndarray

    @classmethod
    def of_positive_weight(cls, X, y, weight) -> "LabelledData":
        """Make samples of all rows of an array but those of weight zero."""
        everything = cls(RowSubset(X), y, weight, np.arange(len(y)))
        return everything if weight.all() else everything.take(np.flatnonzero(weight))

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows) -> "LabelledData":
        """Return some of the rows."""
        return LabelledData(self.X.take(rows), self.y[rows], self.weight[rows], self.index[rows])

    def of_classes(self, labels) -> "LabelledData":
        """Return the rows whose label is one of `labels`."""
        wanted = rows_with(labels, self.y)
        return self if wanted.all() else self.take(wanted)

    def hold_out(self, fraction, seed) -> tuple["LabelledData", "LabelledData"]:
        """Split off a stratified fraction; return what stays, and what is held out."""
        try:
            stay, out = train_test_split(
                np.arange(len(self)), test_size=fraction, stratify=self.y, random_state=seed
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping cannot hold out validation_fraction={fraction} of {len(self)} "
                f"rows with {len(np.unique(self.y))} classes: {error} Pass X_val and y_val, or set "
                "early_stopping=False."
            ) from error
        return self.take(stay), self.take(out)

    def weighted_by_class(self, class_weight, classes) -> "LabelledData":
        """Multiply the weights with those of the classes.

        Parameters
        ----------
        class_weight : dict, "balanced" or None
            As in scikit-learn; labels of other tasks are left out.
        classes : ndarray of shape (n_classes,)
            The task's labels.
        """
        if class_weight is None:
            return self
        present = np.unique(self.y)
        if isinstance(class_weight, dict):
            per_class = np.array([class_weight.get(label, 1.0) for label in present.tolist()])
        else:
            per_class = compute_class_weight(
                class_weight, classes=present, y=self.y, sample_weight=self.weight
            )
        weight = self.weight * per_class[encode(present, self.y)]
        if len(weight) and not weight.any():
            raise ValueError(
                f"class_weight={class_weight} leaves no row of the task with the classes "
                f"{classes.tolist()} a weight above zero."
            )
        return replace(self, weight=weight)
