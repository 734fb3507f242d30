"""Labels: which rows belong to the source task, which to the target task."""

from dataclasses import dataclass

import numpy as np

META_ESTIMATOR_REMEDY = (
    "Inside a meta-estimator that encodes, binarises or re-scores y (voting, stacking, bagging, "
    "boosting, calibration, one-vs-rest) use pretrain_classes=None: pretrain once on its own, "
    "call save_backbone_weights(path), and pass weights=path."
)


@dataclass(frozen=True)
class ClassSplit:
    """The labels of the source task, of the target task and of neither, each sorted."""

    source: np.ndarray
    target: np.ndarray
    ignored: np.ndarray

    @property
    def pretrains(self) -> bool:
        """Whether there is a source task."""
        return len(self.source) > 0

    @property
    def used(self) -> np.ndarray:
        """Labels of rows that either task trains on."""
        return np.union1d(self.source, self.target)

    @property
    def known(self) -> np.ndarray:
        """All labels of `y`."""
        return np.union1d(self.used, self.ignored)

    @property
    def left_out(self) -> np.ndarray:
        """Labels that are known, and not the target task's."""
        return np.setdiff1d(np.union1d(self.source, self.ignored), self.target)

    def scored_rows(self, y) -> np.ndarray:
        """Return a mask of the rows that say something about the target task.

        Rows with a label that was left out are not scored. Labels never seen are: they count
        as wrong.

        Raises
        ------
        ValueError
            If there is no such row.
        """
        scored = ~rows_with(self.left_out, y)
        if not scored.any():
            raise ValueError(
                f"No row of y has a label of the target task, {_format_labels(self.target)}, so there "
                f"is nothing to score; y has {_format_labels(np.unique(y))}."
            )
        return scored

    def check_output_layer(self, output_layer) -> None:
        """Check that both tasks have the same number of classes where the output layer is kept.

        Raises
        ------
        ValueError
            If they have not.
        """
        n_source, n_target = len(self.source), len(self.target)
        if output_layer == "keep" and self.pretrains and n_source != n_target:
            raise ValueError(
                'output_layer="keep" takes the output layer over to the target task, so both '
                f"tasks need the same number of classes; the source task has {n_source}, the "
                f'target task {n_target}. Use output_layer="new".'
            )

    def check_class_weight(self, class_weight) -> None:
        """Check that a dict of class weights has labels of `y`, and numbers from 0.

        Raises
        ------
        ValueError
            For any other label or number.
        """
        if not isinstance(class_weight, dict):
            return
        if unknown := set(class_weight) - set(self.known.tolist()):
            raise ValueError(
                f"class_weight names labels that y lacks: {_format_labels(sorted(unknown, key=str))}; y "
                f"has the classes {_format_labels(self.known)}."
            )
        for label, weight in class_weight.items():
            if not 0 <= weight < np.inf:
                raise ValueError(
                    f"class_weight[{label!r}] must be a number from 0 and finite, got {weight!r}."
                )

    def check_validation_data(self, y_val) -> None:
        """Check that validation rows have labels of `y` only.

        Raises
        ------
        ValueError
            For any other label.
        """
        if len(unknown := np.setdiff1d(y_val, self.known)):
            raise ValueError(
                f"y_val has labels that y lacks: {_format_labels(unknown)}; y has the classes "
                f"{_format_labels(self.known)}. Labels are compared with their type."
            )

    def check_same_classes(self, y, target_classes=None, all_classes=False) -> None:
        """Check the labels of data to go on with.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Labels.
        target_classes : array-like or None
            The parameter, which may not have changed to other classes.
        all_classes : bool, default=False
            Whether every target class must be there.

        Raises
        ------
        ValueError
            For a label that the first fit did not see, or a target class that is missing.
        """
        if target_classes is not None and set(target_classes) != set(self.target.tolist()):
            raise ValueError(
                f"Training goes on with the classes of the first fit, {_format_labels(self.target)}, but "
                f"target_classes={_format_labels(target_classes)}. Fit a new estimator for other classes."
            )
        labels = np.unique(y)
        new = np.setdiff1d(labels, self.known)
        missing = np.setdiff1d(self.target, labels)
        if len(new) or (all_classes and len(missing)):
            raise ValueError(
                f"Training goes on with the classes of the first fit, {_format_labels(self.target)}, "
                f"but y has the classes {_format_labels(labels)}. Fit a new estimator for other classes."
            )


def split_classes(y, pretrain_classes=None, target_classes=None) -> ClassSplit:
    """Split the labels of `y` into a source and a target task.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels.
    pretrain_classes : array-like or None
        Labels of the source task; `None` for no pretraining.
    target_classes : array-like or None
        Labels of the target task; `None` for all that are not in `pretrain_classes`.

    Returns
    -------
    ClassSplit
        The labels of each task.

    Raises
    ------
    ValueError
        If `y` lacks a label that is asked for, or a task has fewer than two classes.
    """
    labels = np.unique(y)
    source = _select(labels, pretrain_classes, "pretrain_classes")
    if target_classes is None:
        target = np.setdiff1d(labels, source)
    else:
        target = _select(labels, target_classes, "target_classes")
    if pretrain_classes is not None and len(source) < 2:
        raise ValueError(
            f"pretrain_classes must name at least two classes, got {_format_labels(source)}; y has "
            f"the classes {_format_labels(labels)}. Use pretrain_classes=None for no pretraining."
        )
    if len(source) and not len(target):
        raise ValueError(
            f"pretrain_classes names every class that y has, {_format_labels(labels)}, which leaves "
            "none for the target task. Leave at least two classes out of pretrain_classes, or "
            "name the target task's own in target_classes."
        )
    if len(target) < 2:
        raise ValueError(
            f"The target task needs at least two classes, got {len(target)} class: "
            f"{_format_labels(target)}; y has the classes {_format_labels(labels)}. Rows of sample weight "
            "zero do not count."
        )
    ignored = np.setdiff1d(labels, np.union1d(source, target))
    return ClassSplit(source, target, ignored)


def split_first_batch(y, classes, pretrain_classes=None, target_classes=None) -> ClassSplit:
    """Split the labels of a first batch, where `classes` names the target task.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels of the batch; it need not have every target class.
    classes : array-like
        Labels of the target task.
    pretrain_classes, target_classes : array-like or None
        As in `split_classes`.

    Raises
    ------
    ValueError
        If `classes` is missing, or does not fit `target_classes` or `y`.
    """
    if classes is None:
        raise ValueError("classes must be passed on the first call to partial_fit.")
    target = np.unique(np.asarray(classes))
    if target_classes is not None and set(target.tolist()) != set(target_classes):
        raise ValueError(
            f"classes={_format_labels(target)} and target_classes={_format_labels(target_classes)} both name "
            "the target task and differ. Leave target_classes out."
        )
    source = () if pretrain_classes is None else pretrain_classes
    if not set(np.unique(y).tolist()) & {*target.tolist(), *source}:
        raise ValueError(
            f"y has none of classes={_format_labels(target)}, but {_format_labels(np.unique(y))}. Labels are "
            "compared with their type."
        )
    everything = np.concatenate([np.asarray(y), target])
    split = split_classes(everything, pretrain_classes, target)
    _select(np.unique(y), pretrain_classes, "pretrain_classes")
    if pretrain_classes is None and target_classes is None and len(split.ignored):
        raise ValueError(
            f"y has labels that classes lacks: {_format_labels(split.ignored)}. classes names every "
            "label of the target task, on the first call to partial_fit."
        )
    return split


def _select(labels, wanted, parameter):
    """Return those of the sorted `labels` that are wanted; all wanted ones must be there."""
    if wanted is None:
        return labels[:0]
    try:
        wanted = set(wanted)
    except TypeError:
        raise ValueError(f"{parameter} must be a flat list of labels, got {wanted!r}.") from None
    missing = wanted.difference(labels.tolist())
    if missing:
        raise ValueError(
            f"{parameter} names labels that y lacks: {_format_labels(sorted(missing, key=str))}; y has "
            f"the classes {_format_labels(labels)}. Each fold must hold every class of both tasks; "
            f"labels are compared with their type. {META_ESTIMATOR_REMEDY}"
        )
    return labels[[label in wanted for label in labels.tolist()]]


def _format_labels(labels, most=30):
    labels = np.asarray(labels).tolist()
    shown = ", ".join(map(repr, labels[:most]))
    return f"[{shown}{', ...' if len(labels) > most else ''}]"


def rows_with(labels, y) -> np.ndarray:
    """Return a boolean mask of the rows of `y` whose label is one of `labels`."""
    return np.isin(y, labels)


def encode(labels, y) -> np.ndarray:
    """Return the position of each label of `y` in the sorted `labels`."""
    return np.searchsorted(labels, y).astype(np.int32)
