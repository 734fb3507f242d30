"""The table of backbones: everything that is particular to one stands in its row."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

_POOLINGS = ("flatten", "average")


@dataclass(frozen=True)
class Backbone:
    """A network body, and all that `TransferClassifier` needs to know of it.

    Parameters
    ----------
    name : str
        What `TransferClassifier(backbone=...)` and `list_backbones` call it.
    build : callable
        ``build(images, dtype) -> features``: adds the body's layers to a Keras graph. `images`
        is a symbolic batch of shape (n, h, w, c) with values from 0 to 255, so the body's own
        preprocessing belongs into the graph; `dtype` is the name of a Keras dtype policy for
        every layer. Every layer that a user may freeze up to needs a name of its own. A module
        level function can be pickled.
    stages : tuple of str
        Names of layers with parameters, from input to output, each a single-tensor cut of the
        graph: freezing up to one freezes everything in front of it. The last one closes the
        body.
    min_size : int
        Smallest side of an image, in pixels. Smaller ones are enlarged.
    pooling : {"flatten", "average"}, default="average"
        How the head turns the body's feature map into a vector.
    default_freeze : str, default="features"
        What ``freeze_until="auto"`` means where there are weights worth keeping.

    Examples
    --------
    >>> from skfashion import Backbone
    >>> def tiny(images, dtype):
    ...     from keras import layers
    ...     x = layers.Rescaling(1 / 255, name="rescale", dtype=dtype)(images)
    ...     return layers.Conv2D(8, 3, strides=2, activation="relu", name="conv", dtype=dtype)(x)
    >>> backbone = Backbone("tiny", build=tiny, stages=("conv",), min_size=8)
    >>> backbone.stages
    ('conv',)
    """

    name: str
    build: Callable[[Any, str], Any]
    stages: tuple[str, ...]
    min_size: int
    pooling: str = "average"
    default_freeze: str = "features"

    def __post_init__(self):
        object.__setattr__(self, "stages", tuple(self.stages))
        if self.pooling not in _POOLINGS:
            raise ValueError(unknown_name("pooling", self.pooling, _POOLINGS))
        if not self.stages or not all(isinstance(stage, str) for stage in self.stages):
            raise ValueError(f"stages must be names of layers, at least one, got {self.stages!r}.")


def _small_cnn(images, dtype):
    """Build the feature layers of the reference's small CNN."""
    from keras import layers

    common = {"dtype": dtype, "data_format": "channels_last"}
    x = layers.Rescaling(1 / 255, name="rescale", dtype=dtype)(images)
    x = layers.Conv2D(32, 3, activation="relu", name="conv1", **common)(x)
    x = layers.Conv2D(32, 3, activation="relu", name="conv2", **common)(x)
    return layers.MaxPooling2D(2, name="pool", **common)(x)


_BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone(
            "small_cnn",
            build=_small_cnn,
            stages=("conv1", "conv2"),
            min_size=8,
            pooling="flatten",
        ),
    )
}


def list_backbones() -> list[str]:
    """Return the names that `TransferClassifier(backbone=...)` takes.

    Returns
    -------
    list of str
        Names, in the order of the table.

    Examples
    --------
    >>> import skfashion
    >>> skfashion.list_backbones()
    ['small_cnn']
    """
    return list(_BACKBONES)


def get_backbone(backbone) -> Backbone:
    """Return the row of the table with this name; a `Backbone` passes through.

    Raises
    ------
    ValueError
        If there is no backbone of this name.
    """
    if isinstance(backbone, Backbone):
        return backbone
    if backbone not in _BACKBONES:
        raise ValueError(unknown_name("backbone", backbone, _BACKBONES))
    return _BACKBONES[backbone]


def unknown_name(parameter, received, known) -> str:
    """Return the message for a name that is not among the known ones, with near misses."""
    known = list(known)
    near = get_close_matches(str(received), known, n=2, cutoff=0.5)
    guess = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"{parameter}={received!r} is not one of {known}.{guess}"
