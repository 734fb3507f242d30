"""A small backbone with batch normalisation and branches, where MobileNetV2 would take seconds."""

from skfashion import Backbone


def residual(images):
    """Batch normalisation, a residual by operator, layers without names, a shared one."""
    from keras import constraints, layers

    relu = layers.ReLU()
    x = layers.Rescaling(1 / 255)(images)
    x = layers.Conv2D(4, 3, strides=2, name="stem")(x)
    x = relu(layers.BatchNormalization(name="norm")(x))
    x = layers.Dropout(0.3)(x)
    branch = layers.Conv2D(
        4, 3, padding="same", kernel_constraint=constraints.NonNeg(), name="conv"
    )(x)
    x = x + layers.DepthwiseConv2D(3, padding="same", name="depthwise")(branch)
    gate = layers.Dense(4, activation="sigmoid")(x)
    x = layers.BatchNormalization(name="late_norm")(relu(x * gate))
    return x * 2


RESIDUAL = Backbone("residual", build=residual, stages=("stem", "norm", "late_norm"), min_size=9)
