"""Learning rates of the head and of each stage of the body, and their schedule."""

from dataclasses import dataclass, replace
from math import inf

from .._backbones.spec import Recipe


@dataclass(frozen=True)
class LearningRates:
    """Peak learning rates by depth, their schedule over a phase, and the bound on gradients.

    Parameters
    ----------
    learning_rate, body_learning_rate : float
        Peak rates of the head, and of the body's last stage.
    layer_decay : float
        Factor between the rate of a stage and that of the stage before it.
    schedule : {"constant", "cosine"}
        How all rates change over the phase.
    warmup : float
        Share of the phase in which they rise from zero.
    clip_norm : float or None
        Largest norm of all gradients together; `None` for no bound.
    """

    learning_rate: float
    body_learning_rate: float
    layer_decay: float
    schedule: str
    warmup: float
    clip_norm: float | None

    @classmethod
    def resolve(
        cls, params, recipe: Recipe, default_rate: float, open_ended: bool = False
    ) -> "LearningRates":
        """Return the rates on the target task: parameters that are `None` come from the recipe.

        Parameters
        ----------
        params : TransferClassifier
            The estimator.
        recipe : Recipe
            The backbone's recipe.
        default_rate : float
            The optimizer's default learning rate.
        open_ended : bool, default=False
            Whether the phase's length is unknown. Rates are then constant unless the parameters
            ask for a schedule.
        """
        if open_ended:
            recipe = replace(recipe, schedule="constant", warmup=0.0)
        head = _or_default(params.learning_rate, recipe.head_factor * default_rate)
        return cls(
            learning_rate=head,
            body_learning_rate=_or_default(params.body_learning_rate, recipe.body_factor * head),
            layer_decay=_or_default(params.layer_decay, recipe.layer_decay),
            **_schedule_and_clipping(params, recipe),
        )

    @classmethod
    def resolve_pretraining(cls, params, recipe: Recipe, default_rate: float) -> "LearningRates":
        """Return the rates on the source task, where only the head's rate is a parameter."""
        head = _or_default(params.pretrain_learning_rate, recipe.head_factor * default_rate)
        return cls(
            learning_rate=head,
            body_learning_rate=recipe.body_factor * head,
            layer_decay=recipe.layer_decay,
            **_schedule_and_clipping(params, recipe),
        )

    @property
    def change(self) -> bool:
        """Whether rates change from step to step."""
        return self.schedule != "constant" or self.warmup > 0

    def peak_rate(self, depth: int | None) -> float:
        """Return the peak rate at a depth from the head.

        Parameters
        ----------
        depth : int or None
            Number of body stages between a stage and the head; `None` for the head.
        """
        if depth is None:
            return self.learning_rate
        return self.body_learning_rate * self.layer_decay**depth


def _schedule_and_clipping(params, recipe: Recipe) -> dict:
    clip_norm = _or_default(params.clip_norm, recipe.clip_norm)
    return {
        "schedule": _or_default(params.schedule, recipe.schedule),
        "warmup": _or_default(params.warmup, recipe.warmup),
        "clip_norm": None if clip_norm == inf else clip_norm,
    }


def _or_default(value, default):
    return default if value is None else value
