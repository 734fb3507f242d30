"""The peers of the speed benchmarks: the same small networks in plain Keras."""

import numpy as np


def small_cnn(n_classes=5, body_weights=None, trainable=True, learning_rate=0.001):
    """Build and compile the reference's small CNN; its body is frozen unless `trainable`."""
    import keras
    from keras import layers

    body = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
        ]
    )
    if body_weights is not None:
        body.set_weights(body_weights)
    body.trainable = trainable
    model = keras.Sequential(
        [
            body,
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(n_classes, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def small_resnet(dtype, weight_decay, label_smoothing):
    """Build and compile the small ResNet, with the head that it has by default."""
    import keras
    from keras import layers

    def convolve(x, width):
        return layers.Conv2D(width, 3, padding="same", use_bias=False, dtype=dtype)(x)

    def normalize(x):
        return layers.BatchNormalization(momentum=0.9, dtype=dtype)(x)

    images = keras.Input((28, 28, 1))
    x = layers.Rescaling(1 / 64, offset=-1.0, dtype=dtype)(images)
    x = layers.ReLU(dtype=dtype)(normalize(convolve(x, 32)))
    for width in (64, 128, 256):
        x = layers.MaxPooling2D(2, dtype=dtype)(convolve(x, width))
        x = shortcut = layers.ReLU(dtype=dtype)(normalize(x))
        x = layers.ReLU(dtype=dtype)(normalize(convolve(x, width)))
        x = layers.Add(dtype=dtype)([normalize(convolve(x, width)), shortcut])
        x = layers.ReLU(dtype=dtype)(x)
    x = layers.GlobalAveragePooling2D(dtype=dtype)(x)
    x = layers.Dropout(0.25, dtype=dtype)(x)
    model = keras.Model(images, layers.Dense(10, activation="softmax")(x))
    model.compile(
        optimizer=keras.optimizers.AdamW(weight_decay=weight_decay, use_ema=True),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing),
        metrics=["accuracy"],
    )
    return model


def as_floats(images):
    """Return images as Keras users pass them: float32, with a channel."""
    return images[..., None].astype(np.float32)


def epoch_clock():
    """Return a Keras callback that collects the seconds of each epoch in `seconds`."""
    from time import perf_counter

    import keras

    class EpochClock(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seconds = []

        def on_epoch_begin(self, epoch, logs=None):
            self._begin = perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(perf_counter() - self._begin)

    return EpochClock()
