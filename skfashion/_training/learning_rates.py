"""Learning rates of the head and of each stage of the body, and their schedule."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class LearningRates:
    """Peak learning rates by depth, their schedule over a phase, and the bound on gradients.

    Parameters
    ----------
    learning_rate, body_learning_rate : float
        Peak rates of the head, and of the body's last stage.
    layer_decay : float
        Factor between the rate of a stage and that of the stage before it.
    schedule : {"constant", "cosine", "linear"}
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
    def resolve(cls, recipe, default_rate: float, head=None, body=None) -> "LearningRates":
        """Return the rates of a phase.

        Parameters
        ----------
        recipe : Recipe
            A recipe that `resolve_recipe` made.
        default_rate : float
            The optimizer's default learning rate.
        head, body : float, optional
            Rates of an estimator's parameters. `None` comes from the recipe.
        """
        head = float(recipe.head_factor * default_rate if head is None else head)
        return cls(
            learning_rate=head,
            body_learning_rate=float(recipe.body_factor * head if body is None else body),
            layer_decay=float(recipe.layer_decay),
            schedule=recipe.schedule,
            warmup=float(recipe.warmup),
            clip_norm=None if recipe.clip_norm == inf else float(recipe.clip_norm),
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
