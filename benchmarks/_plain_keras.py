"""The peer of the speed benchmarks: the same small CNN in plain Keras."""

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
