"""The rows of a task: those that a phase trains on, and those that it evaluates."""

import numpy as np

from .._data.labelled_data import LabelledData
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
    train = train.of_classes(classes).weighted_by_class(params.class_weight, classes)
    validation = validation and validation.of_classes(classes)
    judges = phase == "fine-tune" and settings.judges and settings.fine_tunes
    if validation or not (params.early_stopping or judges):
        return train, validation or None
    fraction = params.validation_fraction
    if judges:
        # At least a row of each class, so that there is a stratified split.
        n_least = len(classes)
        fraction = max(min(fraction, MOST_JUDGING_ROWS / len(train)), n_least / len(train))
    return train.hold_out(fraction, streams.integer("validation split", phase))
