"""Inputs of a trainer: the data of a phase, the plan of an epoch, the tensors of a window."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._data.array_source import ArraySource
from .._keras.tensorflow import tf
from .schedule import ScheduleWindow


@dataclass
class EncodedData:
    """The inputs, encoded labels and weights that a trainer is fed.

    Parameters
    ----------
    inputs : tf.Tensor or ArraySource
        Images, or features of the frozen part. Features of variants (flips or views) are stacked.
        A tensor is on the device as a whole; anything else is copied there window by window.
    targets : ndarray of shape (n,)
        Encoded labels.
    weights : ndarray of shape (n,)
        Sample weights with a mean of one.
    """

    inputs: tf.Tensor | ArraySource
    targets: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def is_resident(self) -> bool:
        """Whether all inputs are on the device."""
        return isinstance(self.inputs, tf.Tensor)


class EpochPlan(NamedTuple):
    """Rows of an epoch and their order.

    Attributes
    ----------
    order : ndarray of int
        The order of the rows.
    variants : ndarray of int
        The variant of each row, a flip or a view, in that order.
    batch_size : int
        Rows in a step.
    begin, end : float
        Share of the phase that is done before and after the epoch, from 0 to 1.
    n_updates : int
        Updates in the whole phase.
    """

    order: np.ndarray
    variants: np.ndarray
    batch_size: int
    begin: float
    end: float
    n_updates: int


class WindowData(NamedTuple):
    """Data on the device, and the weights of the frozen part for its inputs."""

    inputs: Any
    targets: Any
    weights: Any
    frozen_weights: list


class WindowOrder(NamedTuple):
    """Which rows a window trains on: indices into its stacked variants, in order.

    `first` is the number of rows in the epoch's earlier windows, `count` that of all rows.
    """

    indices: Any
    first: Any
    count: Any
    batch_size: Any


class EpochNumbers(NamedTuple):
    """Numbers of an epoch that the traced function takes as tensors.

    Attributes
    ----------
    peaks : tf.Tensor
        Peak rates by depth.
    schedule : ScheduleWindow
        Their schedule.
    dropout : dict of str to tf.Tensor
        The rate of each layer of dropout by its name.
    clip_norm, label_smoothing, average_decay : tf.Tensor
        Largest norm of gradients, share of a label that is spread over all classes, and factor of
        the old averages in an update.
    """

    peaks: Any
    schedule: ScheduleWindow
    dropout: dict[str, Any]
    clip_norm: Any
    label_smoothing: Any
    average_decay: Any
