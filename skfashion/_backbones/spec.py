"""The description of a backbone: frozen dataclasses."""

import pickle
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from numbers import Integral
from typing import Any
from urllib.parse import urlsplit

import cloudpickle
from sklearn.base import clone

from .._home_folder import expand_home
from .._messages import suggest, unknown_name_message
from .recipe import Recipe

# Names of scopes in TensorFlow, without the slash and the backslash, which layers cannot have.
_LAYER_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.>-]*")
_NESTED_LAYER_NAME = re.compile(r"[A-Za-z0-9_.>-]+")

POOLINGS = ("flatten", "average", "normalized_average")
HIDDEN_UNITS = 128
# Default side in pixels to which files are resized.
DEFAULT_SIZE = 64
# Fields of a backbone with sizes that its smallest side bounds.
_DEFAULT_SIZES = ("pretrained_size", "default_size")
# Fields of a backbone that hold integers: the least of each, and another value to give.
_NUMBERS = {
    "min_size": (1, ""),
    "hidden_units": (0, ", or 0 for no hidden layer"),
    **dict.fromkeys(("channels", *_DEFAULT_SIZES), (1, ", or None")),
}
_SAYS_NOTHING = Recipe()
WEIGHT_FORMATS = ".weights.h5, .h5, .keras or .safetensors"


@dataclass(frozen=True)
class OfficialWeights:
    """A file of pretrained weights on the web, for ``weights="imagenet"``.

    Parameters
    ----------
    url : str
        Address of the file. Its last part is the name of the local copy.
    file_hash : str or None
        Published SHA-256 or MD5 of the file, in hexadecimal digits; `None` if none is published.
        The file is then fetched by https only. The SHA-256 of the first download, or of the file in
        Keras' cache, is recorded beside it, and later reads check the file by this hash.

    Raises
    ------
    ValueError
        If `file_hash` has another length, or is `None` and `url` is not https.

    Examples
    --------
    >>> from skfashion import OfficialWeights
    >>> OfficialWeights("https://example.org/body.weights.h5", "0123456789abcdef" * 2).file_name
    'body.weights.h5'
    """

    url: str
    file_hash: str | None

    def __post_init__(self):
        if self.file_hash is None:
            if not self.url.lower().startswith("https://"):
                raise ValueError(
                    f"url must begin with https:// if file_hash is None, got {self.url!r}. Without "
                    "a hash, no other download can be trusted: give the published hash, or pass "
                    "the path of the file as weights=PATH instead."
                )
        elif len(self.file_hash) not in (32, 64):
            raise ValueError(
                "file_hash must be the 64 hexadecimal digits of a SHA-256, the 32 of an MD5, or "
                f"None if no hash is published, got {self.file_hash!r}. With another one, no "
                "download can be checked."
            )

    @property
    def file_name(self) -> str:
        """The name of the file."""
        return urlsplit(self.url).path.rsplit("/", 1)[-1]


@lru_cache(maxsize=16)
def _unpickle_build(pickled: bytes) -> Callable[[Any], Any]:
    """Unpickle a function once, so that backbones of the same pickle are equal."""
    return pickle.loads(pickled)


@dataclass(frozen=True)
class Backbone:
    """A network body and its facts for `TransferClassifier`.

    Parameters
    ----------
    name : str
        Name for `TransferClassifier(backbone=...)` and `list_backbones`.
    build : callable
        Function ``build(images) -> features`` that adds the body's layers to a Keras graph.
        `images` is a symbolic batch of shape (n, h, w, channels) with values from 0 to 255, so
        preprocessing is part of the graph. `features` is one tensor: a feature map of shape (n, h,
        w, channels), tokens of shape (n, tokens, channels), such as a transformer's, or vectors of
        shape (n, channels). Layers are built channels last and with the estimator's `dtype`. Every
        possible freeze point needs a name. Pickles hold a function of the main module, a lambda or
        a local function as code, and others by name.
    stages : tuple of str
        Names of layers, from input to output. A name consists of letters from A to Z, digits and
        ``. _ - >``, and begins with a letter, a digit or a dot. Every path from the images to the
        output passes each of these layers, so that freezing up to one of them freezes all layers
        before it. No layer after the last stage has weights. "features" is the whole body, so only
        the last stage may have this name.
    min_size : int >= 1
        Smallest side of an image, in pixels. Smaller images are enlarged.
    channels : int >= 1, default=None
        Channels of the body's input. With 3, the channel of grey images is repeated. By default
        images are not changed.
    pooling : {"flatten", "average", "normalized_average"}, default="average"
        Conversion of the body's features to a vector: flattening, or the average over pixels or
        tokens. Vectors are not changed. "normalized_average" also scales the vector of each image
        to mean 0 and variance 1, which suits a body without normalisation layers.
    default_freeze : str, default="features"
        Freeze point of ``freeze_until="auto"`` with `weights` or `pretrain_classes`.
    official : OfficialWeights, default=None
        The file of ``weights="imagenet"``.
    from_scratch : Recipe, default=Recipe()
        Training defaults for random weights.
    fine_tuning : Recipe, default=Recipe()
        Training defaults for pretrained weights.
    few_images : Recipe, default=Recipe()
        Training defaults with few images (:ref:`defaults`), if the head starts from a probe.
        Options that are not set come from `fine_tuning`.
    few_images_freeze : str, default=None
        Freeze point of ``freeze_until="auto"`` if `few_images` is used. By default
        `default_freeze`.
    few_images_body_until : {"auto", None}, default="auto"
        Meaning of ``body_until="auto"`` if `few_images` is used: choose the last stage, or keep all
        stages, which suits a small network.
    pretrained_size : int, default=None
        Side in pixels to which smaller images are enlarged, with few images. It is at least
        `min_size`, which is the default. It and the three options above have no effect with
        ``pooling="flatten"``.
    default_size : int, default=None
        Side in pixels to which files, images of different sizes and larger Pillow images are
        resized if `input_size` is not given. By default 64, or `min_size` if that is larger.
    hidden_units : int >= 0, default=128
        Width of the hidden layer with ``hidden_units="auto"``, or 0 for none, unless the head
        starts from a probe on few images.

    Raises
    ------
    ValueError
        If `pooling`, `default_freeze`, `few_images_freeze` or `few_images_body_until` are unknown,
        `stages` are not names or have "features" before the last one, a number is no integer or out
        of its range, `pretrained_size` or `default_size` is below `min_size`, or an option of a
        recipe is out of its range.
    TypeError
        If `build` is not callable, `stages` is a str, or a recipe is not a `Recipe`.

    Examples
    --------
    >>> from skfashion import Backbone
    >>> def tiny(images):
    ...     from keras import layers
    ...     x = layers.Rescaling(1 / 255, name="rescale")(images)
    ...     return layers.Conv2D(8, 3, strides=2, activation="relu", name="conv")(x)
    >>> backbone = Backbone("tiny", build=tiny, stages=("conv",), min_size=8)
    >>> backbone.stages
    ('conv',)
    """

    name: str
    build: Callable[[Any], Any]
    stages: tuple[str, ...]
    min_size: int
    channels: int | None = None
    pooling: str = "average"
    default_freeze: str = "features"
    official: OfficialWeights | None = None
    from_scratch: Recipe = _SAYS_NOTHING
    fine_tuning: Recipe = _SAYS_NOTHING
    few_images: Recipe = _SAYS_NOTHING
    few_images_freeze: str | None = None
    few_images_body_until: str | None = "auto"
    pretrained_size: int | None = None
    default_size: int | None = None
    hidden_units: int = HIDDEN_UNITS

    def __post_init__(self):
        self._check_types()
        object.__setattr__(self, "stages", tuple(self.stages))
        if self.pooling not in POOLINGS:
            raise ValueError(unknown_name_message("pooling", self.pooling, POOLINGS))
        if not self.stages or not all(isinstance(stage, str) for stage in self.stages):
            raise ValueError(
                f"stages must be names of layers, at least one, got {self.stages!r}. Name "
                "layers that build adds."
            )
        check_layer_names(self.stages, self.name)
        if "features" in self.stages[:-1]:
            raise ValueError(
                f"stages={list(self.stages)} has 'features' before the last stage, but this name "
                "is that of the whole body. Give the layer another name."
            )
        for name in _DEFAULT_SIZES:
            size = getattr(self, name)
            if size is not None and size < self.min_size:
                raise ValueError(
                    f"{name}={size} is smaller than min_size={self.min_size}, the smallest image "
                    "that the body takes. Give at least that, or None."
                )
        points = (*self.stages, "features")
        if self.default_freeze not in points:
            raise ValueError(unknown_name_message("default_freeze", self.default_freeze, points))
        point = self.few_images_freeze
        if point is not None and point not in points:
            raise ValueError(unknown_name_message("few_images_freeze", point, points))
        if self.few_images_body_until not in ("auto", None):
            raise ValueError(
                "few_images_body_until must be 'auto' or None, got "
                f"{self.few_images_body_until!r}. Name a stage in `body_until` of the estimator."
            )
        for name in ("from_scratch", "fine_tuning", "few_images"):
            recipe = getattr(self, name)
            if not isinstance(recipe, Recipe):
                raise TypeError(
                    f"{name} must be a Recipe, got {recipe!r}. Pass Recipe() for no options."
                )
            recipe._validate_params()
            # The caller may change the recipe later, and a backbone is a constant.
            object.__setattr__(self, name, clone(recipe))

    def _check_types(self):
        """Check the types of arguments, and that numbers are in their range."""
        if not callable(self.build):
            raise TypeError(
                f"build must be a function from images to features, got {self.build!r}. Pass the "
                "function itself."
            )
        if isinstance(self.stages, str):
            raise TypeError(
                f"stages must be a sequence of names, got {self.stages!r}. Write "
                f"stages=({self.stages!r},)."
            )
        for name, (least, alternative) in _NUMBERS.items():
            value = getattr(self, name)
            if value is None and "None" in alternative:
                continue
            if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
                raise ValueError(
                    f"{name} must be an integer of at least {least}, got {value!r}. Give such a "
                    f"number{alternative}."
                )

    @property
    def side_of_files(self) -> int:
        """Side in pixels to which files are resized."""
        return self.default_size or max(DEFAULT_SIZE, self.min_size)

    def __getstate__(self):
        try:
            return {**vars(self), "build": cloudpickle.dumps(self.build)}
        except Exception as error:  # the errors depend on what the function refers to
            raise TypeError(
                f"Backbone {self.name!r} cannot be pickled, because its build={self.build!r} "
                f"cannot: {error}. Define it in a module, as a function that refers to modules, "
                "numbers and strings only."
            ) from error

    def __setstate__(self, state):
        vars(self).update(state)
        if isinstance(self.build, bytes):
            object.__setattr__(self, "build", _unpickle_build(self.build))

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        # A constant. Copies of a function would not be equal, and networks are found by equality.
        return self

    def __repr__(self):
        # Estimators print their parameters without defaults, and so does this.
        shown = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if field.name in ("name", "stages") or getattr(self, field.name) != field.default
        ]
        return f"Backbone({', '.join(shown)})"


def check_layer_names(names: Iterable[str], backbone: str, inside: str | None = None) -> None:
    """Check that TensorFlow can name a scope after each layer.

    Parameters
    ----------
    names : iterable of str
        Names of layers.
    backbone : str
        Name of the backbone that has the layers, for the error.
    inside : str, default=None
        Name of the layer that contains them. They may then begin with other characters.

    Raises
    ------
    ValueError
        If a name has other characters.
    """
    rule = _LAYER_NAME if inside is None else _NESTED_LAYER_NAME
    for name in names:
        if not rule.fullmatch(name):
            place = "" if inside is None else f", inside layer {inside!r},"
            first = "begins with a letter, digit or dot, and " if inside is None else ""
            raise ValueError(
                f"Backbone {backbone!r} has a layer{place} that is called {name!r}. TensorFlow "
                f"takes a name that {first}consists of the letters A to Z, digits and the "
                f"characters . _ - >. Rename the layer."
            )


def check_weights(weights, backbone: Backbone) -> None:
    """Check that the file of weights exists, or that the backbone has official weights.

    Raises
    ------
    FileNotFoundError
        If there is no file of this name.
    ValueError
        If there are no official weights for this backbone.
    """
    if weights == "imagenet":
        require_official_weights(backbone)
    elif weights is not None and not (path := expand_home(weights)).is_file():
        guess = suggest(weights, ["imagenet"], cutoff=0.7)
        raise FileNotFoundError(
            f"weights={str(path)!r}: there is no such file.{guess} Give the path of a file of the "
            f'type {WEIGHT_FORMATS}, or "imagenet", or None.'
        )


def require_official_weights(backbone: Backbone) -> OfficialWeights:
    """Return the official weights of a backbone.

    Raises
    ------
    ValueError
        If there are none.
    """
    if backbone.official is None:
        raise ValueError(
            f'weights="imagenet": backbone {backbone.name!r} has no official weights. Pass the '
            "path of a file, as weights=PATH, or None, or choose a backbone that has official "
            'weights, such as "mobilenet_v2".'
        )
    return backbone.official


def with_smallest_side(backbone: Backbone, min_size: int) -> Backbone:
    """Return a backbone with another smallest side; default sizes below it are raised to it."""
    sizes = {name: getattr(backbone, name) for name in _DEFAULT_SIZES}
    raised = {name: max(size, min_size) for name, size in sizes.items() if size is not None}
    return replace(backbone, min_size=min_size, **raised)
