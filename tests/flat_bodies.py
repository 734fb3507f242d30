"""Bodies whose outputs are no feature maps: tokens, and a vector."""


def tokens(images):
    from keras import layers

    x = layers.Rescaling(1 / 255, name="rescale")(images)
    x = layers.Conv2D(6, 4, strides=4, name="patches")(x)
    x = layers.Reshape((-1, 6), name="tokens")(x)
    return layers.Dense(5, activation="relu", name="mix")(x)


def vectors(images):
    from keras import layers

    x = layers.Conv2D(6, 4, strides=4, name="patches")(images)
    return layers.GlobalAveragePooling2D(name="pool")(x)
