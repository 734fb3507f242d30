"""The rows of a task: those that a phase trains on, and those that it evaluates."""

from math import ceil

import numpy as np

from .._data.labelled_data import LabelledData
from .._data.labels import format_labels
from .._random_streams import RandomStreams
from .defaults import FitSettings

# Largest number of rows that judge fine-tuning.
MOST_JUDGING_ROWS = 1_000


def split_task_rows(
    params,
    settings: FitSettings,
    phase: str,
    train: LabelledData,
    validation: LabelledData | None,
    classes: np.ndarray,
    streams: RandomStreams,
) -> tuple[LabelledData, LabelledData | None]:
    """Return a task's rows to train on, and its rows to evaluate, or `None`.

    Parameters
    ----------
    params : TransferClassifier
        The estimator.
    settings : FitSettings
        The settings of the fit.
    phase : {"pretrain", "fine-tune"}
        The phase that trains the task.
    train, validation : LabelledData
        Rows of both tasks; those to evaluate may be `None`.
    classes : ndarray of shape (n_classes,)
        Labels of the task.
    streams : RandomStreams
        Seeds.
    """
    train, class_weights = _weight_rows(params, train, classes)
    if validation:
        validation = validation.of_classes(classes).weighted_by_class(class_weights)
    judges = phase == "fine-tune" and settings.judges and settings.fine_tunes
    if validation:
        _check_validation_weights(params, validation)
        return train, validation
    if not (params.early_stopping or judges):
        return train, None
    n_rows = ceil(params.validation_fraction * len(train))
    if judges:
        # A stratified split needs as many rows as there are classes on both sides.
        n_least = len(classes)
        n_rows = min(max(min(n_rows, MOST_JUDGING_ROWS), n_least), len(train) - n_least)
    seed = streams.integer("validation split", phase)
    train, validation = _hold_out(params, train, n_rows, seed)
    _check_validation_weights(params, validation)
    return train, validation


def _hold_out(params, data: LabelledData, n_rows: int, seed: int):
    """Return rows to train on, and as many held-out rows as given."""
    try:
        return data.hold_out(n_rows, seed)
    except ValueError as error:
        raise ValueError(
            f"early_stopping cannot hold out validation_fraction={params.validation_fraction} of "
            f"{len(data)} rows with {len(np.unique(data.y))} classes: {str(error).rstrip('.')}. "
            "Change validation_fraction, pass X_val and y_val, or set early_stopping=False."
        ) from error


def weight_task_rows(params, data: LabelledData, classes: np.ndarray) -> LabelledData:
    """Return all rows of a task, with sample weights times class weights.

    Parameters
    ----------
    params, classes
        As for `split_task_rows`.
    data : LabelledData
        Rows of both tasks.
    """
    rows, _ = _weight_rows(params, data, classes)
    return rows


def _weight_rows(params, data: LabelledData, classes: np.ndarray):
    """Return the rows of a task, weighted by class, and the weights of the classes."""
    rows = data.of_classes(classes)
    class_weights = rows.class_weights(params.class_weight)
    rows = rows.weighted_by_class(class_weights)
    if not rows.weight.any():
        # A batch of `partial_fit` may have only classes of weight zero.
        _check_class_weights(class_weights, classes)
        rows = rows.take(np.zeros(0, int))
    return rows, class_weights


def _check_class_weights(class_weights, classes: np.ndarray) -> None:
    if class_weights and not any(class_weights.get(each, 1) for each in classes.tolist()):
        raise ValueError(
            f"class_weight={class_weights} gives weight zero to all rows of the task with the "
            f"classes {format_labels(classes)}. Set the weight of one of these classes to a number "
            "above zero."
        )


def _check_validation_weights(params, validation: LabelledData) -> None:
    if not validation.weight.any():
        raise ValueError(
            f"class_weight={params.class_weight} gives weight zero to all validation rows. "
            "Pass X_val and y_val with rows of the classes that have a weight, or raise "
            f"validation_fraction={params.validation_fraction}."
        )
