"""Builders of the bodies that Keras ships, with the preprocessing that their weights expect."""

from dataclasses import dataclass

# As in keras.applications' "torch" mode: of ImageNet, on a scale from 0 to 1, red first.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# As in its "caffe" mode: on a scale from 0 to 255, blue first.
CAFFE_MEAN = (103.939, 116.779, 123.68)

# Keras averages batch statistics over a hundred or a thousand steps. Fine-tuning may be shorter
# than that, and would predict with the statistics that it began with.
BATCH_NORM_MOMENTUM = 0.9


@dataclass(frozen=True)
class KerasApplication:
    """Adds a body of `keras.applications`, without its top, to a graph.

    Parameters
    ----------
    constructor : str
        Name in `keras.applications`.
    preprocessing : {"caffe", "tf", "torch", "inside"}
        What stands in front of it, as the modes of Keras' `preprocess_input`; "inside" where the
        body rescales images from 0 to 255 itself.
    """

    constructor: str
    preprocessing: str

    def __call__(self, images):
        """Add the layers; return the body's output."""
        import keras

        construct = getattr(keras.applications, self.constructor)
        x = preprocess(images, self.preprocessing)
        return adapt(construct(include_top=False, weights=None, input_tensor=x))


def preprocess(images, mode):
    """Bring RGB images from 0 to 255 to the scale and order of channels that a body expects."""
    from keras import layers, ops

    if mode == "inside":
        return images
    if mode == "tf":
        return layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocess")(images)
    if mode == "torch":
        scale = [1 / (255 * std) for std in IMAGENET_STD]
        offset = [-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)]
        return layers.Rescaling(scale, offset=offset, name="preprocess")(images)
    blue_first = ops.flip(images, axis=-1)
    return layers.Rescaling(1.0, offset=[-mean for mean in CAFFE_MEAN], name="preprocess")(
        blue_first
    )


def adapt(model):
    """Return a model's output, with normalisation layers that suit transfer learning.

    Batch normalisation averages over fewer steps, and trains by a quicker kernel. A `Normalization`
    that would learn its constants (EfficientNetB0's) gets ImageNet's, which is what the official
    graph computes: its own constants come from the weight file, with standard deviations in the
    place of variances, and a further layer that makes up for it (tensorflow/tensorflow#49930).
    """
    import keras

    from .._keras.fused_batch_norm import BatchNormalization

    def remade(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            momentum = min(layer.momentum, BATCH_NORM_MOMENTUM)
            return BatchNormalization.from_config({**config, "momentum": momentum})
        if _learns_constants(layer):
            variance = [std**2 for std in IMAGENET_STD]
            return keras.layers.Normalization(
                mean=list(IMAGENET_MEAN), variance=variance, name=layer.name
            )
        return type(layer).from_config(config)

    return keras.models.clone_model(model, model.input, clone_function=remade).output


def _learns_constants(layer):
    import keras

    return isinstance(layer, keras.layers.Normalization) and bool(layer.weights)
