"""Resolved values of "auto", given the rows of a phase."""

from dataclasses import dataclass, replace
from math import ceil

from .._backbones.freeze_points import starts_pretrained
from .._backbones.registry import get_backbone
from .._backbones.spec import HIDDEN_UNITS, Backbone, with_smallest_side
from .._persistence.saved_classes import saved

BATCH_SIZES = 16, 128
# "auto" doubles the batch as long as an epoch has this many.
BATCHES_IN_AN_EPOCH = 64
# "auto" gives a phase this many updates, within the bounds on epochs.
UPDATES = 1_000
EPOCHS = 5, 50
# Up to this number of rows, pretrained weights are fitted as if images were few.
FEW_ROWS = 10_000
# With fewer rows in a class none is held out, so that fine-tuning cannot be judged.
FEWEST_ROWS_TO_JUDGE = 10
# Names of freeze points that exist only with a hidden layer.
HIDDEN_LAYERS = "dense", "dropout"


def auto_batch_size(n_rows: int) -> int:
    """Return the power of two for a number of rows."""
    size, largest = BATCH_SIZES
    while size < largest and 2 * size * BATCHES_IN_AN_EPOCH <= n_rows:
        size *= 2
    return size


def auto_epochs(n_rows: int, batch_size: int) -> int:
    """Return how many epochs have enough updates."""
    fewest, most = EPOCHS
    return min(most, max(fewest, ceil(UPDATES / ceil(max(n_rows, 1) / batch_size))))


@saved
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


@saved
@dataclass(frozen=True)
class FitSettings:
    """Settings of a fit that the estimator's parameters leave to the data.

    Parameters
    ----------
    pretraining, fine_tuning : PhaseLength
        How long the phases are.
    few_images : bool
        Whether `weights` are given, the target task has at most `FEW_ROWS` rows, and the backbone
        averages its features.
    probes : bool
        Whether the output layer starts as a linear probe.
    judges : bool
        Whether the probe replaces fine-tuned weights that are worse on held-out rows.
    fine_tunes : bool
        Whether there are enough rows to fine-tune; otherwise the probe is kept.
    hidden_units : int
        Width of the head's hidden layer.
    body_until : str, int or None
        The last stage of the body; "auto" if it is chosen by the data.
    kept_weights : bool or None, default=None
        Whether fine-tuning starts from pretrained weights. Files of early versions do not have it.
    n_target : int or None, default=None
        Rows of the target task in the first fit, for "auto" in further fits. Files of early
        versions do not have it: there "auto" is the length of the last fit.
    """

    pretraining: PhaseLength
    fine_tuning: PhaseLength
    few_images: bool
    probes: bool
    judges: bool
    fine_tunes: bool
    hidden_units: int
    body_until: str | int | None
    kept_weights: bool | None = None
    n_target: int | None = None

    @classmethod
    def resolve(
        cls,
        params,
        n_source: int,
        n_target: int,
        smallest_class: int,
        is_partial: bool,
    ) -> "FitSettings":
        """Return the settings of a first fit.

        Parameters
        ----------
        params : TransferClassifier
            The estimator.
        n_source, n_target : int
            Rows of the two tasks.
        smallest_class : int
            Rows of the target class that has the fewest.
        is_partial : bool
            Whether this is a call of `partial_fit`.
        """
        # A head on a flattened feature map is better with a hidden layer, and a probe of that layer
        # was worse than random weights.
        backbone = get_backbone(params.backbone)
        averages = backbone.pooling != "flatten"
        few_images = params.weights is not None and n_target <= FEW_ROWS and averages
        can_probe = few_images and params.output_layer == "new"
        probes = not is_partial and (
            params.head_init == "probe"
            or (params.head_init == "auto" and params.epochs == "auto" and can_probe)
        )
        judges = probes and params.epochs == "auto" and not params.early_stopping
        probes_few_images = few_images and probes
        hidden_units = params.hidden_units
        if hidden_units == "auto":
            hidden_units = 0 if probes_few_images else backbone.hidden_units
            if params.freeze_until in HIDDEN_LAYERS:
                hidden_units = backbone.hidden_units or HIDDEN_UNITS
        body_until = params.body_until
        if body_until == "auto":
            is_linear = probes_few_images and not hidden_units
            body_until = backbone.few_images_body_until if is_linear else None
        return cls(
            pretraining=PhaseLength.resolve(params.batch_size, params.pretrain_epochs, n_source),
            fine_tuning=PhaseLength.resolve(params.batch_size, params.epochs, n_target),
            few_images=few_images,
            probes=probes,
            judges=judges,
            fine_tunes=not judges or smallest_class >= FEWEST_ROWS_TO_JUDGE,
            hidden_units=hidden_units,
            body_until=body_until,
            kept_weights=starts_pretrained(params, n_source > 0),
            n_target=n_target,
        )

    @property
    def probes_few_images(self) -> bool:
        """Whether the backbone's defaults for few images apply."""
        return self.few_images and self.probes

    def starts_pretrained(self, params, pretrains: bool) -> bool:
        """Return whether fine-tuning starts from pretrained weights, in further fits as well."""
        if self.kept_weights is None:
            return starts_pretrained(params, pretrains)
        return self.kept_weights

    def continue_with(self, params) -> "FitSettings":
        """Return the settings of a further fit: those of the first, and the parameters given."""
        if self.n_target is not None:
            fine_tuning = PhaseLength.resolve(params.batch_size, params.epochs, self.n_target)
        else:
            given = {"batch_size": params.batch_size, "epochs": params.epochs}
            given = {name: value for name, value in given.items() if value != "auto"}
            fine_tuning = replace(self.fine_tuning, **given)
        hidden_units = self.hidden_units if params.hidden_units == "auto" else params.hidden_units
        body_until = self.body_until if params.body_until == "auto" else params.body_until
        return replace(
            self,
            fine_tuning=fine_tuning,
            judges=False,
            fine_tunes=True,
            hidden_units=hidden_units,
            body_until=body_until,
        )

    def whole_backbone(self, params) -> Backbone:
        """Return the backbone, with the smallest side and the freeze point that suit few images."""
        backbone = get_backbone(params.backbone)
        size, freeze_point = backbone.pretrained_size, backbone.few_images_freeze
        if self.few_images and params.input_size is None and size is not None:
            backbone = with_smallest_side(backbone, size)
        if self.probes_few_images and freeze_point is not None:
            backbone = replace(backbone, default_freeze=freeze_point)
        return backbone
