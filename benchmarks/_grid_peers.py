"""The peers of the grid benchmarks: a hand-written estimator, and scikeras."""

import numpy as np
from _plain_keras import as_floats, small_cnn
from sklearn.base import BaseEstimator, ClassifierMixin

FROZEN_LAYERS = {None: 0, "conv1": 2, "conv2": 3, "features": 4, "dense": 7}


def class_split_model(X, y, epochs, freeze_until, learning_rate, output_layer):
    """Pretrain on source rows, freeze, replace the output layer: what users write by hand."""
    import keras

    n_classes = len(np.unique(y))
    model = small_cnn(n_classes)
    labels = np.unique(y, return_inverse=True)[1]
    model.fit(X, labels, batch_size=128, epochs=epochs, verbose=0)
    body, *head = model.layers
    layers = [*body.layers, *head]
    for layer in layers[: FROZEN_LAYERS[freeze_until]]:
        layer.trainable = False
    if output_layer == "new":
        layers[-1] = keras.layers.Dense(n_classes, activation="softmax")
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


class HandWritten(ClassifierMixin, BaseEstimator):
    """Builds, pretrains and fine-tunes in every fit; both tasks need the same number of classes."""

    def __init__(
        self,
        pretrain_classes=(),
        epochs=2,
        freeze_until=None,
        learning_rate=0.001,
        output_layer="new",
    ):
        self.pretrain_classes = pretrain_classes
        self.epochs = epochs
        self.freeze_until = freeze_until
        self.learning_rate = learning_rate
        self.output_layer = output_layer

    def fit(self, X, y):
        X, source = as_floats(X), np.isin(y, self.pretrain_classes)
        self._model = class_split_model(
            X[source],
            y[source],
            self.epochs,
            self.freeze_until,
            self.learning_rate,
            self.output_layer,
        )
        self.classes_, labels = np.unique(y[~source], return_inverse=True)
        self._model.fit(X[~source], labels, batch_size=128, epochs=self.epochs, verbose=0)
        return self

    def predict(self, X):
        return self.classes_[self._model.predict(as_floats(X), verbose=0).argmax(axis=1)]

    def score(self, X, y):
        target = np.isin(y, self.classes_)
        return np.mean(self.predict(X[target]) == y[target])


def scikeras_classifier(X_source, y_source, epochs):
    """Return a scikeras estimator of the target task, whose build function holds the source rows.

    scikeras passes no rows to a build function, so the rows cannot come from the fold.
    """
    from scikeras.wrappers import KerasClassifier

    def build(freeze_until, learning_rate, output_layer):
        return class_split_model(
            as_floats(X_source), y_source, epochs, freeze_until, learning_rate, output_layer
        )

    return KerasClassifier(
        build,
        freeze_until=None,
        learning_rate=0.001,
        output_layer="new",
        epochs=epochs,
        batch_size=128,
        verbose=0,
    )
