"""What the value "auto" of a parameter stands for, given the rows of a phase."""

from dataclasses import dataclass
from math import ceil

from dataclasses import replace

from .._backbones.freeze_points import has_kept_weights
from .._backbones.spec import Backbone

BATCH_SIZES = 16, 128
# A batch has at most this share of a phase's rows, within these bounds.
BATCHES_IN_AN_EPOCH = 64
# An epoch count of "auto" gives a phase about this many updates, within bounds on epochs.
UPDATES = 1_000
EPOCHS = 5, 50
# Up to this number of rows, pretrained weights are fitted as if images were few.
FEW_ROWS = 10_000
# Fine-tuning from a probe takes fewer epochs.
EPOCHS_FROM_PROBE = 20
# Fewer rows than this in the smallest class are too few to hold any out: the probe is the result.
FEWEST_ROWS_TO_HOLD_OUT = 20
MOST_HELD_OUT = 1_000
HIDDEN_UNITS = 128


def auto_batch_size(n_rows: int) -> int:
    """Return the largest power of two that is small enough for a number of rows."""
    smallest, largest = BATCH_SIZES
    size = smallest
    while size < largest and 2 * size * BATCHES_IN_AN_EPOCH <= n_rows:
        size *= 2
    return size


def auto_epochs(n_rows: int, batch_size: int) -> int:
    """Return how many epochs give enough updates, within bounds."""
    fewest, most = EPOCHS
    return min(most, max(fewest, ceil(UPDATES / ceil(max(n_rows, 1) / batch_size))))


@dataclass(frozen=True)
class PhaseLength:
    """How long a phase is.

    Parameters
    ----------
    batch_size : int
        Rows in a training step.
    epochs : int
        Passes over the phase's rows.
    """

    batch_size: int
    epochs: int

    @classmethod
    def resolve(cls, batch_size, epochs, n_rows: int) -> "PhaseLength":
        """Return numbers in place of "auto".

        Parameters
        ----------
        batch_size, epochs : int or "auto"
            Parameters of the estimator.
        n_rows : int
            Rows of the phase.
        """
        size = auto_batch_size(n_rows) if batch_size == "auto" else batch_size
        return cls(size, auto_epochs(n_rows, size) if epochs == "auto" else epochs)


@dataclass(frozen=True)
class FitSettings:
    """What a fit runs with, where the estimator's parameters leave it to the data.

    Parameters
    ----------
    pretraining, fine_tuning : PhaseLength
        How long the phases are.
    few_images : bool
        Whether pretrained weights of a file are fine-tuned on at most `FEW_ROWS` rows.
    probes : bool
        Whether the output layer starts as a probe.
    selects : bool
        Whether rows are held out, to keep fine-tuned weights only if they are better than the
        probe.
    hidden_units : int
        Width of the head's hidden layer.
    """

    pretraining: PhaseLength
    fine_tuning: PhaseLength
    few_images: bool
    probes: bool
    selects: bool
    hidden_units: int

    @classmethod
    def resolve(cls, params, pretrains: bool, n_source: int, n_target: int, starts: bool):
        """Return the settings of a fit.

        Parameters
        ----------
        params : TransferClassifier
            The estimator.
        pretrains : bool
            Whether there is a source task.
        n_source, n_target : int
            Rows of the two tasks.
        starts : bool
            Whether a whole fit starts here: neither `partial_fit`, nor a further fit with
            `warm_start`.
        """
        pretraining = PhaseLength.resolve(params.batch_size, params.pretrain_epochs, n_source)
        fine_tuning = PhaseLength.resolve(params.batch_size, params.epochs, n_target)
        few_images = params.weights is not None and n_target <= FEW_ROWS
        can_probe = starts and has_kept_weights(params, pretrains)
        can_probe = can_probe and params.output_layer == "new"
        chosen = params.head_init == "auto" and params.epochs == "auto"
        probes = params.head_init == "probe" or (chosen and can_probe)
        selects = probes and params.epochs == "auto" and not params.early_stopping
        if selects:
            fine_tuning = replace(
                fine_tuning, epochs=min(fine_tuning.epochs, EPOCHS_FROM_PROBE)
            )
        hidden_units = params.hidden_units
        if hidden_units == "auto":
            hidden_units = 0 if few_images and probes else HIDDEN_UNITS
        return cls(pretraining, fine_tuning, few_images, probes, selects, hidden_units)

    def adapt_backbone(self, backbone: Backbone) -> Backbone:
        """Return the backbone, with the least side of images that suits few of them."""
        if self.few_images and backbone.pretrained_size is not None:
            return replace(backbone, min_size=backbone.pretrained_size)
        return backbone
