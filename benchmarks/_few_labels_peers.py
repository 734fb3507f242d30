"""The peers of `few_labels.py`: a tuned probe, and two published recipes in plain Keras.

The recipes run in bfloat16 with weights in float32, which is several times quicker on processors
with instructions for it.
"""

import numpy as np
from _weights import weights_of
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion import BackboneFeatures
from skfashion._backbones.registry import get_backbone

SIDES = (64, 96)
CS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
MODELS = {"vgg16": "VGG16", "inception_v3": "InceptionV3", "mobilenet_v2": "MobileNetV2"}


def tuned_probe(backbone, seed, train, test):
    """Return the accuracy of the logistic regression that cross-validation chooses."""
    best = None
    smallest = get_backbone(backbone).min_size
    for side in (side for side in SIDES if side >= smallest):
        for layer in get_backbone(backbone).stages:
            features = BackboneFeatures(
                backbone, weights=weights_of(backbone), layer=layer, input_size=side
            ).fit(train[0])
            search = GridSearchCV(
                make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-3)),
                {"logisticregression__C": CS},
                cv=5,
            ).fit(features.transform(train[0]), train[1])
            if best is None or search.best_score_ > best[0]:
                best = search.best_score_, features, search
    _, features, search = best
    return search.score(features.transform(test[0]), test[1])


def _body_and_inputs(backbone, *arrays):
    """Return Keras' body with pretrained weights, and images as its `preprocess_input` has them."""
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    # The side that the library enlarges few images to.
    side, file = get_backbone(backbone).pretrained_size, weights_of(backbone)
    body = getattr(keras.applications, MODELS[backbone])(
        include_top=False,
        weights="imagenet" if file == "imagenet" else None,
        input_shape=(side, side, 3),
    )
    if file != "imagenet":
        body.load_weights(file)
    preprocess = getattr(keras.applications, backbone).preprocess_input
    resize = keras.layers.Resizing(side, side)
    inputs = [
        preprocess(np.repeat(np.asarray(resize(images[..., None])), 3, axis=-1))
        for images in arrays
    ]
    return body, inputs


def keras_recipe(backbone, seed, train, test):
    """Return the accuracy of the recipe in Keras' guide to fine-tuning.

    The frozen body has the same output in each epoch, so it is computed once.
    """
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    body, (X, X_test) = _body_and_inputs(backbone, train[0], test[0])
    body.trainable = False
    pooled = layers.GlobalAveragePooling2D(dtype="float32")
    head = keras.Sequential([layers.Dropout(0.2), layers.Dense(10, dtype="float32")])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    head.compile(keras.optimizers.Adam(), loss=loss)
    features = pooled(body.predict(X, verbose=0))
    head.fit(features, train[1], epochs=20, batch_size=32, verbose=0)
    body.trainable = True
    images = keras.Input(X.shape[1:])
    model = keras.Model(images, head(pooled(body(images, training=False))))
    model.compile(keras.optimizers.Adam(1e-5), loss=loss)
    model.fit(X, train[1], epochs=10, batch_size=32, verbose=0)
    return np.mean(model.predict(X_test, verbose=0).argmax(1) == test[1])


def fastai_recipe(backbone, seed, train, test, epochs=10, base_rate=2e-3, batch_size=64):
    """Return the accuracy of the recipe in fastai's ``Learner.fine_tune``.

    One epoch trains the head at `base_rate`, and the body's batch normalisation at a tenth of it.
    Then all layers train for `epochs`: at `base_rate` / 2 in the head, falling to a hundredth of it
    in the first layers. Both times the rate follows one cycle. Adam has weight decay of 0.01 for
    kernels. The head is fastai's: average and maximum, batch normalisation, dropout, a hidden layer
    of 512. Two things differ: the first moment's rate of Adam is constant, and augmentation is left
    out, for all methods.
    """
    import keras

    keras.utils.set_random_seed(seed)
    body, (X, X_test) = _body_and_inputs(backbone, train[0], test[0])
    body = _with_momentum(body, 0.9)
    model = _with_fastai_head(body)
    steps = -(-len(X) // batch_size)

    def fit(epochs, rates, share, div):
        optimizers = [_adam(_one_cycle(rate, steps * epochs, share, div)) for rate in rates]
        group_of = _group_variables(body, model, len(rates))
        optimizer = keras.optimizers.MultiOptimizer(
            lambda variable: optimizers[group_of[id(variable)]]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss=loss)
        model.fit(X, train[1], epochs=epochs, batch_size=batch_size, verbose=0)

    for layer in body.layers:
        layer.trainable = isinstance(layer, keras.layers.BatchNormalization)
    fit(1, [base_rate / 10, base_rate], share=0.99, div=25)
    for layer in body.layers:
        layer.trainable = True
    fit(epochs, np.geomspace(base_rate / 200, base_rate / 2, 3), share=0.3, div=5)
    return np.mean(model.predict(X_test, verbose=0).argmax(1) == test[1])


def _with_momentum(body, momentum):
    """Return a copy of a body with another momentum of batch normalisation: PyTorch's is 0.9."""
    import keras

    def copy_layer(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            config["momentum"] = momentum
        return type(layer).from_config(config)

    copy = keras.models.clone_model(body, clone_function=copy_layer)
    copy.set_weights(body.get_weights())
    return copy


def _with_fastai_head(body):
    import keras
    from keras import layers

    images = keras.Input(body.input_shape[1:])
    x = body(images)
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    x = layers.Dropout(0.25)(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dense(512, activation="relu", use_bias=False)(x)
    x = layers.Dropout(0.5)(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(images, layers.Dense(10, use_bias=False, dtype="float32")(x))


def _group_variables(body, model, n_groups):
    """Return the group of each trainable variable by id: parts of the body, and the head last."""
    with_weights = [layer for layer in body.layers if layer.weights]
    groups = [*np.array_split(np.arange(len(with_weights)), n_groups - 1)]
    of_body = {
        id(variable): number
        for number, group in enumerate(groups)
        for index in group
        for variable in with_weights[index].trainable_variables
    }
    return {id(each): of_body.get(id(each), n_groups - 1) for each in model.trainable_variables}


def _adam(schedule):
    import keras

    optimizer = keras.optimizers.AdamW(schedule, beta_2=0.99, epsilon=1e-5, weight_decay=0.01)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _one_cycle(peak, n_steps, share, div):
    """Return fastai's schedule: up by a cosine for a share of the steps, then down by one."""
    import keras
    from keras import ops

    def between(first, last, position):
        return first + (last - first) * (1 - ops.cos(np.pi * position)) / 2

    class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            position = ops.cast(step, "float32") / n_steps
            up = between(peak / div, peak, position / share)
            down = between(peak, peak / 1e5, (position - share) / (1 - share))
            return ops.where(position < share, up, down)

        def get_config(self):
            return {}

    return OneCycle()
