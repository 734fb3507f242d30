"""The other sides of the grid benchmark: scikeras, and an estimator written by hand."""

import numpy as np
from _plain_keras import as_floats, small_cnn
from sklearn.base import BaseEstimator, ClassifierMixin

DEPTHS = {None: 0, "conv1": 2, "conv2": 3, "features": 4, "dense": 7}


def transfer_model(X, y, pretrain_classes, freeze_until, learning_rate, pretrain_epochs):
    """Pretrain on some classes, freeze, and put a new output layer on top: the usual function."""
    import keras

    source = np.isin(y, pretrain_classes)
    model = small_cnn(len(pretrain_classes))
    labels = np.searchsorted(pretrain_classes, y[source])
    model.fit(X[source], labels, batch_size=128, epochs=pretrain_epochs, verbose=0)
    body, *head = model.layers
    layers = [*body.layers, *head]
    for layer in layers[: DEPTHS[freeze_until]]:
        layer.trainable = False
    n_target = len(np.setdiff1d(y, pretrain_classes))
    output = keras.layers.Dense(n_target, activation="softmax")
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers[:-1], output])
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


class HandWritten(ClassifierMixin, BaseEstimator):
    """What a user writes today: builds and pretrains in every fit."""

    def __init__(self, pretrain_classes=(), freeze_until=None, learning_rate=0.001, epochs=2):
        self.pretrain_classes = pretrain_classes
        self.freeze_until = freeze_until
        self.learning_rate = learning_rate
        self.epochs = epochs

    def fit(self, X, y):
        X = as_floats(X)
        self._model = transfer_model(
            X, y, self.pretrain_classes, self.freeze_until, self.learning_rate, self.epochs
        )
        target = ~np.isin(y, self.pretrain_classes)
        self.classes_, labels = np.unique(y[target], return_inverse=True)
        self._model.fit(X[target], labels, batch_size=128, epochs=self.epochs, verbose=0)
        return self

    def predict(self, X):
        return self.classes_[self._model.predict(as_floats(X), verbose=0).argmax(axis=1)]


def scikeras_classifier(pretrain_classes, epochs):
    """The same through scikeras: a build function that closes over nothing but its arguments.

    scikeras hands the build function no rows, so it pretrains in `fit`, on what it is given.
    """
    from scikeras.wrappers import KerasClassifier

    class ClassSplitKeras(KerasClassifier):
        def fit(self, X, y, **kwargs):
            floats = as_floats(X)
            self._rows = floats, y
            target = ~np.isin(y, pretrain_classes)
            return super().fit(floats[target], y[target], **kwargs)

        def predict(self, X, **kwargs):
            return super().predict(as_floats(X) if X.ndim == 3 else X, **kwargs)

    def build(freeze_until, learning_rate, owner):
        X, y = owner._rows
        return transfer_model(X, y, pretrain_classes, freeze_until, learning_rate, epochs)

    return ClassSplitKeras, build
