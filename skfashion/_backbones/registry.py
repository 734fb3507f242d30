"""The table of backbones: everything that is particular to one stands in its row."""

import os
import pickle
from contextlib import suppress
from numbers import Integral

import cloudpickle
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from .._messages import unknown_name_message
from .keras_applications import KerasApplication
from .spec import Backbone, OfficialWeights, Recipe

_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"


def _small_cnn(images):
    """Build the feature layers of the reference's small CNN."""
    from keras import layers

    x = layers.Rescaling(1 / 255, name="rescale")(images)
    x = layers.Conv2D(32, 3, activation="relu", name="conv1")(x)
    x = layers.Conv2D(32, 3, activation="relu", name="conv2")(x)
    return layers.MaxPooling2D(2, name="pool")(x)


# Rates are multiples of the optimizer's own, Adam's being 0.001.
_NORMALISED_FROM_SCRATCH = Recipe(schedule="cosine", warmup=0.05, clip_norm=1.0)
_NORMALISED_FINE_TUNING = Recipe(body_factor=0.3, schedule="cosine", warmup=0.05, clip_norm=1.0)
# Without normalisation in it, the same rates make the body diverge.
_PLAIN_FROM_SCRATCH = Recipe(head_factor=0.1, schedule="cosine", warmup=0.1, clip_norm=1.0)
_PLAIN_FINE_TUNING = Recipe(body_factor=0.05, schedule="cosine", warmup=0.05, clip_norm=1.0)

_BUILT_IN = (
    Backbone(
        "small_cnn",
        build=_small_cnn,
        stages=("conv1", "conv2"),
        min_size=8,
        pooling="flatten",
    ),
    Backbone(
        "vgg16",
        build=KerasApplication("VGG16", "caffe"),
        stages=tuple(f"block{n}_pool" for n in range(1, 6)),
        min_size=32,
        channels=3,
        pooling="normalized_average",
        default_freeze="block3_pool",
        official=OfficialWeights(
            f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "6d6bbae143d832006294945121d1f1fc",
        ),
        from_scratch=_PLAIN_FROM_SCRATCH,
        fine_tuning=_PLAIN_FINE_TUNING,
    ),
    Backbone(
        "resnet50",
        build=KerasApplication("ResNet50", "caffe"),
        stages=(
            "pool1_pool",
            "conv2_block3_out",
            "conv3_block4_out",
            "conv4_block6_out",
            "conv5_block3_out",
        ),
        min_size=32,
        channels=3,
        default_freeze="conv2_block3_out",
        official=OfficialWeights(
            f"{_KERAS}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "4d473c1dd8becc155b73f8504c6f6626",
        ),
        from_scratch=_NORMALISED_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
    ),
    Backbone(
        "inception_v3",
        build=KerasApplication("InceptionV3", "tf"),
        stages=tuple(f"mixed{n}" for n in range(11)),
        min_size=75,
        channels=3,
        default_freeze="mixed2",
        official=OfficialWeights(
            f"{_KERAS}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "bcbd6486424b2319ff4ef7d526e38f63",
        ),
        from_scratch=_NORMALISED_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
    ),
    Backbone(
        "densenet121",
        build=KerasApplication("DenseNet121", "torch"),
        stages=("pool1", "pool2_pool", "pool3_pool", "pool4_pool", "relu"),
        min_size=32,
        channels=3,
        default_freeze="pool3_pool",
        official=OfficialWeights(
            f"{_KERAS}/densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "30ee3e1110167f948a6b9946edeeb738",
        ),
        from_scratch=_NORMALISED_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
    ),
    Backbone(
        "efficientnet_b0",
        build=KerasApplication("EfficientNetB0", "inside"),
        stages=(
            "block1a_project_bn",
            "block2b_add",
            "block3b_add",
            "block4c_add",
            "block5c_add",
            "block6d_add",
            "top_activation",
        ),
        min_size=32,
        channels=3,
        default_freeze="block3b_add",
        official=OfficialWeights(
            "https://storage.googleapis.com/keras-applications/efficientnetb0_notop.h5",
            "50bc09e76180e00e4465e1a485ddc09d",
        ),
        from_scratch=_NORMALISED_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
    ),
    Backbone(
        "efficientnet_v2_b0",
        build=KerasApplication("EfficientNetV2B0", "inside"),
        stages=(
            "block1a_project_activation",
            "block2b_add",
            "block3b_add",
            "block4c_add",
            "block5e_add",
            "block6h_add",
            "top_activation",
        ),
        min_size=32,
        channels=3,
        default_freeze="block3b_add",
        official=OfficialWeights(
            f"{_KERAS}/efficientnet_v2/efficientnetv2-b0_notop.h5",
            "893217f2bb855e2983157299931e43ff",
        ),
        from_scratch=_NORMALISED_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
    ),
    # Keras publishes no hash of its MobileNetV2 weights, so they cannot be fetched by name.
    Backbone(
        "mobilenet_v2",
        build=KerasApplication("MobileNetV2", "tf"),
        stages=(
            "block_2_add",
            "block_5_add",
            "block_9_add",
            "block_12_add",
            "block_15_add",
            "out_relu",
        ),
        min_size=32,
        channels=3,
        default_freeze="block_5_add",
        from_scratch=_NORMALISED_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
    ),
    Backbone(
        "convnext_tiny",
        build=KerasApplication("ConvNeXtTiny", "inside"),
        # Blocks end in additions without names. The last layer has none of its own either, but
        # Keras' counters are fresh when a body is built, and it is the only one of its kind.
        stages=(
            "convnext_tiny_stem",
            "convnext_tiny_downsampling_block_0",
            "convnext_tiny_downsampling_block_1",
            "convnext_tiny_downsampling_block_2",
            "layer_normalization",
        ),
        min_size=32,
        channels=3,
        default_freeze="convnext_tiny_downsampling_block_1",
        official=OfficialWeights(
            f"{_KERAS}/convnext/convnext_tiny_notop.h5",
            "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        ),
        from_scratch=_PLAIN_FROM_SCRATCH,
        fine_tuning=_PLAIN_FINE_TUNING,
    ),
)
_BACKBONES = {backbone.name: backbone for backbone in _BUILT_IN}
# What was registered in other processes and came with an estimator: the last of each name.
_UNPICKLED: dict[str, Backbone] = {}


def list_backbones() -> list[str]:
    """Return the names that `TransferClassifier(backbone=...)` takes.

    Returns
    -------
    list of str
        Names, in the order of the table.

    Examples
    --------
    >>> import skfashion
    >>> skfashion.list_backbones()[:4]
    ['small_cnn', 'vgg16', 'resnet50', 'inception_v3']
    """
    return list(_BACKBONES)


def register_backbone(backbone: Backbone, *, overwrite: bool = False) -> None:
    """Add a backbone to the table, so that its name can be used like those that ship.

    Parameters
    ----------
    backbone : Backbone
        The new row. Worker processes of a search get to know it, too.
    overwrite : bool, default=False
        Whether it may take the place of another one that was registered under the same name. A
        function that is defined anew, as in a notebook's cell, is no other one. Those that ship
        stay.

    Raises
    ------
    TypeError
        If it is no `Backbone`.
    ValueError
        If there is another one of this name.

    Examples
    --------
    >>> import skfashion
    >>> def tiny(images):
    ...     from keras import layers
    ...     x = layers.Rescaling(1 / 255, name="rescale")(images)
    ...     return layers.Conv2D(8, 3, strides=2, activation="relu", name="conv")(x)
    >>> backbone = skfashion.Backbone("tiny", build=tiny, stages=("conv",), min_size=8)
    >>> skfashion.register_backbone(backbone)
    >>> skfashion.list_backbones()[-1]
    'tiny'
    """
    if not isinstance(backbone, Backbone):
        raise TypeError(f"backbone must be a Backbone, got {type(backbone).__name__}.")
    known = _BACKBONES.get(backbone.name)
    if known in _BUILT_IN:
        raise ValueError(
            f"There is a backbone {backbone.name!r} that ships with skfashion. Use another name."
        )
    if known is not None and not overwrite and _source(known.build) != _source(backbone.build):
        raise ValueError(
            f"There is another backbone {backbone.name!r}. Use another name, or overwrite=True."
        )
    _BACKBONES[backbone.name] = backbone


def _source(build):
    """Return where a builder is defined, or the builder if it is no function."""
    names = getattr(build, "__module__", None), getattr(build, "__qualname__", None)
    return names if all(names) else build


class BackboneEstimator(BaseEstimator):
    """Base of estimators with a backbone: what is registered goes with them to other processes.

    A search hands names of backbones to its workers, which know only those that ship.
    """

    _parameter_constraints: dict = {
        "backbone": [str, Backbone],
        "weights": [str, os.PathLike, None],
        "random_state": ["random_state"],
        "image_shape": [tuple, list, None],
        "pixel_range": [tuple, list, None],
        "input_size": [Interval(Integral, 1, None, closed="left"), None],
        "dtype": [StrOptions({"float32", "float64", "mixed_bfloat16"})],
    }

    def __getstate__(self):
        """Add the rows that were registered, in a form that need not be understood."""
        return {**super().__getstate__(), "_registered_backbones": _pack_registered()}

    def __setstate__(self, state):
        """Take note of the rows that came along."""
        state = dict(state)
        for packed in state.pop("_registered_backbones", ()):
            _register_unpickled(packed)
        super().__setstate__(state)


def _pack_registered() -> tuple[bytes, ...]:
    """Pickle each registered row by itself, functions of the main module and all."""
    packed = []
    for backbone in _BACKBONES.values():
        # What cannot be pickled cannot be used in another process, nor need it be in most.
        with suppress(Exception):
            if backbone not in _BUILT_IN:
                packed.append(cloudpickle.dumps(backbone))
    return tuple(packed)


def _register_unpickled(packed: bytes) -> None:
    """Know a row that came from elsewhere, unless what it stands on is not here."""
    with suppress(Exception):
        backbone = pickle.loads(packed)
        _UNPICKLED[backbone.name] = backbone


def get_backbone(backbone) -> Backbone:
    """Return the row of the table with this name; a `Backbone` passes through.

    Raises
    ------
    ValueError
        If there is no backbone of this name.
    """
    if isinstance(backbone, Backbone):
        return backbone
    known = _BACKBONES.get(backbone) or _UNPICKLED.get(backbone)
    if known is None:
        raise ValueError(
            unknown_name_message("backbone", backbone, _BACKBONES)
            + " register_backbone adds one of your own."
        )
    return known
