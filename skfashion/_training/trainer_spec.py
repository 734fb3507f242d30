"""What a trainer is built for, and the optimizer state that fits it."""

from dataclasses import dataclass

import numpy as np

from .._networks.architecture import Architecture
from .augmentation import Augmentation, Flips


@dataclass(frozen=True)
class TrainerSpec:
    """What determines a traced training function: trainers of equal specifications are alike.

    Parameters
    ----------
    architecture : Architecture
        The network.
    freeze_point : str or None
        Where it is split into a frozen and a trainable part.
    optimizer : str
        Name of a Keras optimizer.
    rates_change : bool
        Whether learning rates change from step to step.
    clips : bool
        Whether gradients are clipped.
    flips : Flips
        Flipped variants, of which an image is one in each epoch.
    augmentation : tuple of (name, amount)
        Other random changes, new in every epoch.
    from_features : bool
        Whether the inputs are the frozen part's outputs; else they are images, which go through
        the frozen part in every epoch.
    input_type : str
        Type of the inputs.
    """

    architecture: Architecture
    freeze_point: str | None
    optimizer: str
    rates_change: bool
    clips: bool
    flips: Flips
    augmentation: Augmentation
    from_features: bool
    input_type: str

    @property
    def optimizer_key(self) -> tuple:
        """What an optimizer's state belongs to: it fits all trainers with an equal key."""
        return self.optimizer, self.freeze_point, self.architecture


@dataclass(frozen=True)
class OptimizerState:
    """The values of an optimizer's variables, and the `TrainerSpec.optimizer_key` they fit."""

    key: tuple
    values: list[np.ndarray]
