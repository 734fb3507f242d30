"""The class split: which labels belong to the source task and which to the target task."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np

from .labels import (
    KINDS_OF_LABELS,
    as_item,
    check_kind_of_labels,
    format_labels,
    list_labels,
    name_kind_of_label,
)
from .named_errors import errors_name

# Gradients are multiplied by weights, and optimizers square gradients, in float32.
MOST_WEIGHT = 1e15


@dataclass(frozen=True)
class ClassSplit:
    """The labels of the two tasks.

    Parameters
    ----------
    source : ndarray of shape (n_source_classes,)
        Sorted labels of the source task; empty without pretraining.
    target : ndarray of shape (n_classes,)
        Sorted labels of the target task.
    ignored : ndarray of shape (n_ignored,)
        Sorted labels of `y` that belong to neither task.
    """

    source: np.ndarray
    target: np.ndarray
    ignored: np.ndarray

    @property
    def pretrains(self) -> bool:
        """Whether there is a source task."""
        return len(self.source) > 0

    @property
    def used(self) -> np.ndarray:
        """Labels of at least one task."""
        return np.union1d(self.source, self.target)

    @property
    def known(self) -> np.ndarray:
        """All labels of `y`."""
        return np.union1d(self.used, self.ignored)

    @property
    def left_out(self) -> np.ndarray:
        """Known labels outside the target task."""
        return np.setdiff1d(np.union1d(self.source, self.ignored), self.target)

    @property
    def source_task(self) -> "ClassSplit":
        """The source task alone, as the target of a split without pretraining."""
        ignored = np.setdiff1d(self.known, self.source)
        return ClassSplit(source=self.source[:0], target=self.source, ignored=ignored)

    def scored_rows(self, y: np.ndarray) -> np.ndarray:
        """Return a boolean mask of the rows that count in a score of the target task.

        Rows with a known label outside the target task do not count. Rows with an unknown label
        do, and are wrong.

        Raises
        ------
        ValueError
            If no row counts.
        """
        scored = ~np.isin(y, self.left_out)
        if not scored.any():
            raise ValueError(
                "No row of y has a label of the target task, "
                f"{format_labels(self.target)}, so there is nothing to score; y has "
                f"{format_labels(np.unique(y))}."
            )
        return scored

    def check_output_layer(self, output_layer) -> None:
        """Check that both tasks have the same number of classes if the output layer is kept.

        Raises
        ------
        ValueError
            If the numbers differ.
        """
        n_source, n_target = len(self.source), len(self.target)
        if output_layer == "keep" and self.pretrains and n_source != n_target:
            raise ValueError(
                'output_layer="keep" takes the output layer over to the target task, so both '
                f"tasks need the same number of classes. The source task has {n_source}, the "
                f'target task {n_target}. Use output_layer="new".'
            )

    def check_class_weight(self, class_weight) -> None:
        """Check that a dict of class weights maps labels of `y` to weights from 0 on.

        Raises
        ------
        ValueError
            For an unknown label, or a weight that is negative or above `MOST_WEIGHT`.
        """
        if not isinstance(class_weight, dict):
            return
        known, dtype = set(self.known.tolist()), self.known.dtype
        if unknown := [each for each in class_weight if as_item(each, dtype) not in known]:
            raise ValueError(
                "class_weight names labels that y lacks: "
                f"{format_labels(sorted(unknown, key=str))}; y has the classes "
                f"{format_labels(self.known)}. Remove them; labels are compared with their type."
            )
        for label, weight in class_weight.items():
            if not isinstance(weight, Real) or not 0 <= float(weight) <= MOST_WEIGHT:
                raise ValueError(
                    f"class_weight[{label!r}] must be a number from 0 to {MOST_WEIGHT:g}, got "
                    f"{weight!r}."
                )

    def check_validation_labels(self, y_val: np.ndarray) -> None:
        """Check that every validation label is known.

        Raises
        ------
        ValueError
            For an unknown label.
        """
        check_kind_of_labels(y_val, self.known, "y_val")
        if len(unknown := np.setdiff1d(y_val, self.known)):
            raise ValueError(
                f"y_val has labels that y lacks: {format_labels(unknown)}; y has the classes "
                f"{format_labels(self.known)}. Labels are compared with their type."
            )

    def continued(
        self, y, pretrain_classes=None, target_classes=None, all_classes=False
    ) -> "ClassSplit":
        """Return the split for a further call of `fit` or `partial_fit`; check its labels.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Labels.
        pretrain_classes, target_classes : array-like or None
            The parameters of the estimator; they must still name the same target task.
        all_classes : bool, default=False
            Whether `y` must have every target class.

        Returns
        -------
        ClassSplit
            This split. With `target_classes` it also ignores the new labels of `y`.

        Raises
        ------
        ValueError
            For a label that the first fit did not see, if `target_classes` does not exclude it, or
            for a missing target class.
        """
        check_kind_of_labels(y, self.known)
        target = list_labels(target_classes, "target_classes")
        if target_classes is not None and self._items(target) != self._items(self.target):
            raise ValueError(
                "Training continues with the classes of the first fit, "
                f"{format_labels(self.target)}, but target_classes="
                f"{format_labels(target)}. Fit a new estimator for other classes."
            )
        labels = np.unique(y)
        missing = np.setdiff1d(self.target, labels)
        is_other = target_classes is None and self._is_other_target(labels, pretrain_classes)
        if is_other or (all_classes and len(missing)):
            named = "" if pretrain_classes is None else format_labels(pretrain_classes)
            remedy = "Fit a new estimator for other classes."
            if is_other and len(np.intersect1d(self.source, self.target)):
                # `set_params` has removed target_classes, or `partial_fit` of an early version has
                # made this split without it.
                remedy = (
                    f"Set target_classes={format_labels(self.target)}, because both tasks have "
                    "some of these classes."
                )
            raise ValueError(
                "Training continues with the classes of the first fit, "
                f"{format_labels(self.target)}, but y has the classes {format_labels(labels)}"
                f"{named and f' and pretrain_classes={named}'}. {remedy}"
            )
        new = np.setdiff1d(labels, self.known)
        return replace(self, ignored=np.union1d(self.ignored, new)) if len(new) else self

    def _is_other_target(self, labels: np.ndarray, pretrain_classes) -> bool:
        """Whether labels have another target task, by `pretrain_classes`, than this split."""
        named = list_labels(pretrain_classes, "pretrain_classes")
        found, source = self._items(labels), self._items(named)
        target, ignored = self._items(self.target), self._items(self.ignored)
        return found - source - ignored != found & target

    def _items(self, labels: Iterable) -> set:
        """Return labels as items that can be compared."""
        dtype = self.known.dtype
        return {as_item(label, dtype) for label in labels}


def split_classes(y, pretrain_classes=None, target_classes=None) -> ClassSplit:
    """Split the labels of `y` into those of the source task and those of the target task.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels.
    pretrain_classes : array-like or None
        Labels of the source task; `None` for no pretraining.
    target_classes : array-like or None
        Labels of the target task; `None` for all labels that are not in `pretrain_classes`.

    Returns
    -------
    ClassSplit
        The labels of each task.

    Raises
    ------
    ValueError
        If `y` lacks a requested label, or a task has fewer than two classes.
    """
    labels = np.unique(y)
    source = _select(labels, pretrain_classes, "pretrain_classes")
    if target_classes is None:
        target = np.setdiff1d(labels, source)
    else:
        target = _select(labels, target_classes, "target_classes")
    if pretrain_classes is not None and len(source) < 2:
        raise ValueError(
            f"pretrain_classes must name at least two classes, got {format_labels(source)}; y has "
            f"the classes {format_labels(labels)}. Use pretrain_classes=None for no pretraining."
        )
    if len(source) and not len(target):
        raise ValueError(
            f"pretrain_classes names every class that y has, {format_labels(labels)}, which "
            "leaves none for the target task. Leave at least two classes out of "
            "pretrain_classes, or name those of the target task in target_classes."
        )
    if len(target) < 2:
        raise ValueError(
            f"The target task needs at least two classes, got {len(target)} class: "
            f"{format_labels(target)}; y has the classes {format_labels(labels)}. Rows of sample "
            f"weight zero do not count. {_remedy_for_few_classes(labels, target_classes)}"
        )
    ignored = np.setdiff1d(labels, np.union1d(source, target))
    return ClassSplit(source, target, ignored)


def _remedy_for_few_classes(labels: np.ndarray, target_classes) -> str:
    if len(labels) < 2:
        return "Pass rows of two or more classes."
    if target_classes is not None:
        return "Name more classes in target_classes."
    return "Leave two or more classes out of pretrain_classes."


def split_first_batch(y, classes, pretrain_classes=None, target_classes=None) -> ClassSplit:
    """Split the labels of the first batch of `partial_fit`.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels of the batch, which may lack target classes.
    classes : array-like
        All labels of the target task.
    pretrain_classes, target_classes : array-like or None
        As for `split_classes`.

    Returns
    -------
    ClassSplit
        The labels of each task.

    Raises
    ------
    ValueError
        If `classes` is missing, contradicts `target_classes` or `y`, or names source classes
        without `target_classes`.
    """
    if classes is None:
        raise ValueError("classes must be passed on the first call to partial_fit.")
    with errors_name("classes"):
        target = np.unique(np.asarray(classes))
    listed = {as_item(each, target.dtype) for each in list_labels(target_classes, "target_classes")}
    if target_classes is not None and listed != {*target.tolist()}:
        raise ValueError(
            f"classes={format_labels(target)} and target_classes={format_labels(target_classes)} "
            "both name the target task and differ. Pass the same labels in both."
        )
    named = [*target, *list_labels(pretrain_classes, "pretrain_classes")]
    if {as_item(label, y.dtype) for label in named}.isdisjoint(np.unique(y).tolist()):
        raise ValueError(
            f"y has none of classes={format_labels(target)}, but {format_labels(np.unique(y))}. "
            "Labels are compared with their type."
        )
    # The batch may lack target classes, so they are added. It must have every source class.
    split = split_classes(np.concatenate([y, target]), pretrain_classes, target)
    _select(np.unique(y), pretrain_classes, "pretrain_classes")
    if target_classes is None and len(split.ignored):
        raise ValueError(
            f"y has labels that classes lacks: {format_labels(split.ignored)}. On the first call "
            "to partial_fit, classes names every label of the target task. To ignore other labels, "
            "set target_classes to the same list."
        )
    if target_classes is None and len(both := np.intersect1d(split.source, split.target)):
        raise ValueError(
            f"classes names labels of pretrain_classes: {format_labels(both)}. On the first call "
            "to partial_fit, classes names the labels of the target task. Leave out those of the "
            "source task, or, if both tasks have them, set target_classes to the same list."
        )
    return split


def _select(labels: np.ndarray, wanted, parameter: str) -> np.ndarray:
    """Return the wanted ones of the sorted `labels`, after a check that none is missing."""
    if wanted is None:
        return labels[:0]
    items = {as_item(label, labels.dtype): label for label in list_labels(wanted, parameter)}
    missing = [items[item] for item in items.keys() - set(labels.tolist())]
    if missing:
        raise ValueError(
            f"{parameter} names labels that y lacks: "
            f"{format_labels(sorted(missing, key=str))}; y has the classes "
            f"{format_labels(labels)}. {_compare_types(missing, labels, parameter)}Each fold must "
            f"hold every class of both tasks; labels are compared with their type. Inside a "
            "meta-estimator that encodes, binarises or re-scores y (voting, stacking, bagging, "
            "boosting, calibration, one-vs-rest, multi-output, self-training), "
            f"{remedy_inside_meta_estimators([parameter])}"
        )
    return labels[[label in items for label in labels.tolist()]]


def remedy_inside_meta_estimators(parameters: Sequence[str]) -> str:
    """Return the end of a sentence: how to do without these parameters of the class split."""
    remedy = f"leave out {' and '.join(parameters)}, and pass only rows of the target task."
    if "pretrain_classes" not in parameters:
        return remedy
    return (
        f"{remedy} To pretrain, fit once separately, call save_backbone_weights(path), and pass "
        "weights=path."
    )


def _compare_types(missing: list, labels: np.ndarray, parameter: str) -> str:
    """Return a sentence on kinds of labels that are never equal, such as text and numbers."""
    kinds = {name_kind_of_label(label) for label in missing}
    kind = KINDS_OF_LABELS.get(labels.dtype.kind)
    if len(kinds) > 1 or kinds & {kind, None}:
        return ""
    return f"{parameter} has {kinds.pop()} and y has {kind}: convert one of them. "


def encode(labels: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the index of each label of `y` in the sorted `labels`."""
    return np.searchsorted(labels, y).astype(np.int32)
