"""The specification of a trainer, and its optimizer state."""

from dataclasses import dataclass, replace

import numpy as np

from .._networks.architecture import Architecture
from .augmentation import Augmentation, Flips
from .regularization import Mixing


@dataclass(frozen=True)
class UpdateSpec:
    """How a gradient changes weights. Rates, bounds and the like are numbers at run time.

    Parameters
    ----------
    optimizer : str
        Name of a Keras optimizer.
    momentum : float
        Nesterov's momentum of "sgd".
    rates_change : bool
        Whether learning rates change from step to step.
    clips : bool
        Whether gradients are clipped.
    decays : bool
        Whether kernels decay. If not, the optimizer has its default in Keras.
    averages : bool
        Whether weights are averaged.
    """

    optimizer: str
    momentum: float
    rates_change: bool
    clips: bool
    decays: bool
    averages: bool


@dataclass(frozen=True)
class TrainerSpec:
    """Specification of a traced training function: equal specifications share trainers.

    Parameters
    ----------
    architecture : Architecture
        The network.
    freeze_point : str or None
        Where it is split into a frozen and a trainable part.
    update : UpdateSpec
        How a gradient changes weights.
    batch_norm : {"train", "inference"}
        Mode of batch normalisation.
    smooths_labels : bool
        Whether labels are smoothed.
    flips : Flips
        Flipped variants. Each epoch takes one of an image.
    augmentation : tuple of (name, amount)
        Other random changes, new in every epoch.
    mixing : Mixing
        How pairs of images are mixed.
    from_features : bool
        Whether the inputs are the frozen part's outputs; else they are images, which pass through
        the frozen part in every epoch.
    input_type : str
        Type of the inputs.
    """

    architecture: Architecture
    freeze_point: str | None
    update: UpdateSpec
    batch_norm: str
    smooths_labels: bool
    flips: Flips
    augmentation: Augmentation
    mixing: Mixing
    from_features: bool
    input_type: str

    @property
    def has_soft_labels(self) -> bool:
        """Whether a label is a distribution over classes."""
        return self.smooths_labels or bool(self.mixing)

    @property
    def optimizer_key(self) -> tuple:
        """Key of an optimizer's state, which is valid for all trainers with an equal key."""
        return optimizer_key(self.architecture, self.freeze_point, self.update)


def optimizer_key(architecture: Architecture, freeze_point, update: UpdateSpec) -> tuple:
    """Return the key of `TrainerSpec.optimizer_key`: all that the variables depend on."""
    return update.optimizer, update.momentum, update.averages, freeze_point, architecture


@dataclass(frozen=True)
class OptimizerState:
    """State that training continues from, except weights, with its `TrainerSpec.optimizer_key`.

    These are the values of the optimizer's variables. If weights are averaged, the weights before
    averaging follow.
    """

    key: tuple
    values: list[np.ndarray]

    def continued_in(self, architecture: Architecture) -> "OptimizerState":
        """Return the state for a network with the same weights.

        Variables depend on the type of such a network, and neither on rates of dropout, nor on
        how the size of images was given, nor on which of two equal backbones built it.
        """
        *others, before = self.key
        return replace(self, key=(*others, replace(architecture, dtype=before.dtype)))

    def fits(self, spec: TrainerSpec) -> bool:
        """Return whether a trainer can continue from it."""
        return self.key == spec.optimizer_key
