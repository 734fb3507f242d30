"""Builders of the small bodies, which are trained from random weights."""

from .keras_applications import BATCH_NORM_MOMENTUM


def small_cnn(images):
    """Add the feature layers of the reference's small CNN to a graph."""
    from keras import layers

    x = layers.Rescaling(1 / 255, name="rescale")(images)
    x = layers.Conv2D(32, 3, activation="relu", name="conv1")(x)
    x = layers.Conv2D(32, 3, activation="relu", name="conv2")(x)
    return layers.MaxPooling2D(2, name="pool")(x)


def small_resnet(images):
    """Add a small residual network with batch normalisation to a graph.

    Each of three blocks halves the feature map after its first convolution, before batch
    normalisation, as airbench [1]_ does. Two further convolutions are residual [2]_.

    References
    ----------
    .. [1] Jordan: "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, arXiv:2404.00498.
    .. [2] He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition", CVPR 2016,
       arXiv:1512.03385.
    """
    from keras import layers

    from .._keras.fused_batch_norm import BatchNormalization

    def convolution(x, width, name):
        return layers.Conv2D(width, 3, padding="same", use_bias=False, name=name)(x)

    def normalisation(x, name):
        return BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=name)(x)

    # Padding by zeros is equal to pixels of 64.
    x = layers.Rescaling(1 / 64, offset=-1.0, name="rescale")(images)
    x = layers.ReLU(name="stem")(normalisation(convolution(x, 32, "stem_conv"), "stem_norm"))
    for number, width in enumerate((64, 128, 256), 1):
        block = f"block{number}"
        x = convolution(x, width, f"{block}_conv1")
        x = layers.MaxPooling2D(2, name=f"{block}_pool")(x)
        x = shortcut = layers.ReLU(name=f"{block}_relu1")(normalisation(x, f"{block}_norm1"))
        x = normalisation(convolution(x, width, f"{block}_conv2"), f"{block}_norm2")
        x = layers.ReLU(name=f"{block}_relu2")(x)
        x = normalisation(convolution(x, width, f"{block}_conv3"), f"{block}_norm3")
        x = layers.Add(name=f"{block}_add")([x, shortcut])
        x = layers.ReLU(name=block)(x)
    return x
