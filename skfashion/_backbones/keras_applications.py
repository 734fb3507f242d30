"""Builders of the bodies in `keras.applications`, with the preprocessing of their weights."""

from dataclasses import dataclass

# Mean and deviation of ImageNet's pixels from 0 to 1, red first: the "torch" mode of Keras.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# Mean from 0 to 255, blue first: its "caffe" mode.
CAFFE_MEAN = (103.939, 116.779, 123.68)

# Keras' averages of batch statistics take a hundred or a thousand steps to follow the data.
# Fine-tuning may be shorter, and would predict with the statistics of the pretraining.
BATCH_NORM_MOMENTUM = 0.9


@dataclass(frozen=True)
class KerasApplication:
    """Add a body of `keras.applications`, without its top, to a graph.

    Parameters
    ----------
    constructor : str
        Name in `keras.applications`.
    preprocessing : {"caffe", "tf", "torch", "inside"}
        How images are scaled for it: a mode of Keras' `preprocess_input`, or "inside" where the
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
    """Scale RGB images from 0 to 255, and order their channels, as a body expects them."""
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
    """Return a model's output after replacing normalisation layers for transfer learning.

    Batch normalisation averages over fewer steps, and trains by a faster kernel. EfficientNetB0
    has a `Normalization` that reads its constants from the weight file; here it gets ImageNet's,
    so that random weights work, too. The outputs are those of the official graph: its file has
    standard deviations instead of variances, and a further layer corrects for that
    (tensorflow/tensorflow#49930).
    """
    import keras

    from .._keras.fused_batch_norm import BatchNormalization

    def rebuild(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            momentum = min(layer.momentum, BATCH_NORM_MOMENTUM)
            return BatchNormalization.from_config({**config, "momentum": momentum})
        if learns_constants(layer):
            variance = [std**2 for std in IMAGENET_STD]
            return keras.layers.Normalization(
                mean=list(IMAGENET_MEAN), variance=variance, name=layer.name
            )
        return type(layer).from_config(config)

    return keras.models.clone_model(model, model.input, clone_function=rebuild).output


def learns_constants(layer) -> bool:
    """Whether a layer is a `Normalization` whose constants are weights."""
    import keras

    return isinstance(layer, keras.layers.Normalization) and bool(layer.weights)
