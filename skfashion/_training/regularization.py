"""Regularisation of training, except augmentation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mixing:
    """How pairs of training images are mixed: parameters of beta distributions, 0 for not at all.

    Parameters
    ----------
    mixup : float
        For the mean of two images.
    cutmix : float
        For a box of one image in another.
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.mixup or self.cutmix)

    @property
    def needs_images(self) -> bool:
        """Whether images are mixed before the frozen part, instead of its outputs."""
        return bool(self.cutmix)


@dataclass(frozen=True)
class Regularization:
    """The rates of dropout, and the options of a recipe that regularise, resolved.

    Parameters
    ----------
    dropout, feature_dropout : float
        Shares that are dropped after the hidden layer, and before the head.
    weight_decay : float or None
        Decoupled weight decay of kernels; `None` leaves it to Keras' optimizer.
    label_smoothing : float
        Share of each label that is spread over all classes.
    average : float
        Share of the phase's updates that weights are averaged over, 0 for no averages.
    mixing : Mixing
        How pairs of images are mixed.
    batch_norm : {"train", "inference"}
        Mode of batch normalisation.
    """

    dropout: float
    feature_dropout: float
    weight_decay: float | None
    label_smoothing: float
    average: float
    mixing: Mixing
    batch_norm: str

    @classmethod
    def from_params(cls, params, recipe) -> "Regularization":
        """Take rates from an estimator, and options from a recipe that `resolve_recipe` made."""
        decay = recipe.weight_decay
        return cls(
            dropout=float(params.dropout),
            feature_dropout=float(params.feature_dropout),
            weight_decay=None if decay is None else float(decay),
            label_smoothing=float(recipe.label_smoothing),
            average=float(recipe.average),
            mixing=Mixing(float(recipe.mixup), float(recipe.cutmix)),
            batch_norm=recipe.batch_norm,
        )

    def average_decay(self, n_updates: int) -> float:
        """Return the factor of the old average in each of the phase's `n_updates` updates."""
        return 1 - 1 / max(1.0, self.average * n_updates)
