"""How fast each part of a network learns, and how that goes over the steps of a phase."""

from dataclasses import dataclass
from math import inf

from ._backbone import Recipe

OPTIONS = ("learning_rate", "body_learning_rate", "layer_decay", "schedule", "warmup", "clip_norm")


@dataclass(frozen=True)
class Pace:
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
    def choose(cls, params, recipe: Recipe, own_rate: float) -> "Pace":
        """Take each option from an estimator's parameters, or else from a recipe.

        Parameters
        ----------
        params : TransferClassifier
            Where an option is `None`, the recipe's holds.
        recipe : Recipe
            Its rates are multiples: of the optimizer's own, and of the head's.
        own_rate : float
            The optimizer's own learning rate.
        """
        chosen = {
            name: getattr(recipe if getattr(params, name) is None else params, name)
            for name in OPTIONS
        }
        if params.learning_rate is None:
            chosen["learning_rate"] *= own_rate
        if params.body_learning_rate is None:
            chosen["body_learning_rate"] *= chosen["learning_rate"]
        if chosen["clip_norm"] == inf:
            chosen["clip_norm"] = None
        return cls(**chosen)

    @property
    def changes(self) -> bool:
        """Whether the rates change from step to step."""
        return self.schedule != "constant" or self.warmup > 0

    def rate(self, stages_behind: int | None) -> float:
        """Return the peak rate of a stage with so many stages behind it; `None` is the head."""
        if stages_behind is None:
            return self.learning_rate
        return self.body_learning_rate * self.layer_decay**stages_behind
