"""How fast each part of a network learns, and how that goes over the steps of a phase."""

from dataclasses import dataclass, replace
from math import inf

from .._backbones.spec import Recipe


@dataclass(frozen=True)
class LearningRates:
    """Learning rates by depth, their course over a phase, and the bound of gradients.

    Parameters
    ----------
    learning_rate, body_learning_rate : float
        Rates of the head, and of the body's last stage.
    layer_decay : float
        What the rate is multiplied with from each stage to the one in front of it.
    schedule : {"constant", "cosine"}
        The course of all rates.
    warmup : float
        Share of the phase in which they rise from zero.
    clip_norm : float or None
        Largest norm of all gradients together.
    """

    learning_rate: float
    body_learning_rate: float
    layer_decay: float
    schedule: str
    warmup: float
    clip_norm: float | None

    @classmethod
    def choose(
        cls, params, recipe: Recipe, default_learning_rate: float, open_end=False
    ) -> "LearningRates":
        """Take what an estimator's parameters leave open, being `None`, from a recipe.

        These are the rates on the target task.

        Parameters
        ----------
        params : TransferClassifier
            The estimator.
        recipe : Recipe
            The recipe.
        default_learning_rate : float
            The optimizer's own learning rate.
        open_end : bool, default=False
            Whether nobody knows how long the phase will be: it then has no course unless the
            parameters ask for one.
        """
        if open_end:
            recipe = replace(recipe, schedule="constant", warmup=0.0)
        head = _or_default(params.learning_rate, recipe.head_factor * default_learning_rate)
        return cls(
            learning_rate=head,
            body_learning_rate=_or_default(params.body_learning_rate, recipe.body_factor * head),
            layer_decay=_or_default(params.layer_decay, recipe.layer_decay),
            **_course(params, recipe),
        )

    @classmethod
    def choose_for_pretraining(
        cls, params, recipe: Recipe, default_learning_rate: float
    ) -> "LearningRates":
        """Do the same for the source task, which has one rate that can be given."""
        head = _or_default(
            params.pretrain_learning_rate, recipe.head_factor * default_learning_rate
        )
        return cls(
            learning_rate=head,
            body_learning_rate=recipe.body_factor * head,
            layer_decay=recipe.layer_decay,
            **_course(params, recipe),
        )

    @property
    def changes(self) -> bool:
        """Whether the rates change from step to step."""
        return self.schedule != "constant" or self.warmup > 0

    def rate(self, depth_from_head: int | None) -> float:
        """Return the peak rate of a stage with so many stages behind it; `None` is the head."""
        if depth_from_head is None:
            return self.learning_rate
        return self.body_learning_rate * self.layer_decay**depth_from_head


def _course(params, recipe: Recipe) -> dict:
    clip_norm = _or_default(params.clip_norm, recipe.clip_norm)
    return {
        "schedule": _or_default(params.schedule, recipe.schedule),
        "warmup": _or_default(params.warmup, recipe.warmup),
        "clip_norm": None if clip_norm == inf else clip_norm,
    }


def _or_default(value, default):
    return default if value is None else value
