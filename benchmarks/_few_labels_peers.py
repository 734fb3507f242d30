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
MODULES = {"vgg16": "vgg16", "inception_v3": "inception_v3", "mobilenet_v2": "mobilenet_v2"}
# The side that the library enlarges few images to.
INPUT_SIDES = {"vgg16": 64, "inception_v3": 96, "mobilenet_v2": 96}


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
    name, side, file = MODELS[backbone], INPUT_SIDES[backbone], weights_of(backbone)
    body = getattr(keras.applications, name)(
        include_top=False,
        weights="imagenet" if file == "imagenet" else None,
        input_shape=(side, side, 3),
    )
    if file != "imagenet":
        body.load_weights(file)
    preprocess = getattr(keras.applications, MODULES[backbone]).preprocess_input
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


def fastai_recipe(backbone, seed, train, test, epochs=10, base_rate=2e-3):
    """Return the accuracy of the recipe in fastai's ``Learner.fine_tune``.

    One epoch trains the head and batch normalisation at `base_rate`. Then all layers train for
    `epochs` with one cycle: `base_rate` / 2 in the head, falling to a hundredth of it in the first
    layer, Adam with weight decay 0.01, batches of 64. The head is fastai's: average and maximum,
    batch normalisation, dropout, a hidden layer of 512. Augmentation is left out, for all methods.
    """
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    body, (X, X_test) = _body_and_inputs(backbone, train[0], test[0])
    images = keras.Input(X.shape[1:])
    x = body(images)
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    x = layers.Dropout(0.25)(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dense(512, activation="relu", use_bias=False)(x)
    x = layers.Dropout(0.5)(layers.BatchNormalization(momentum=0.9)(x))
    model = keras.Model(images, layers.Dense(10, use_bias=False, dtype="float32")(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for layer in body.layers:
        layer.trainable = isinstance(layer, layers.BatchNormalization)
    steps = -(-len(X) // 64)
    model.compile(_adam(_one_cycle(base_rate, steps)), loss=loss)
    model.fit(X, train[1], epochs=1, batch_size=64, verbose=0)
    for layer in body.layers:
        layer.trainable = True
    groups = np.array_split([layer.name for layer in body.layers if layer.weights], 2)
    rates = [*np.geomspace(base_rate / 200, base_rate / 2, 3)]
    optimizers = [_adam(_one_cycle(rate, steps * epochs)) for rate in rates]
    of_layer = {name: number for number, group in enumerate(groups) for name in group}
    of_variable = {
        id(variable): of_layer.get(layer.name, 2)
        for layer in [*body.layers, *model.layers]
        if layer is not body
        for variable in layer.trainable_variables
    }
    optimizer = keras.optimizers.MultiOptimizer(
        lambda variable: optimizers[of_variable[id(variable)]]
    )
    model.compile(optimizer, loss=loss)
    model.fit(X, train[1], epochs=epochs, batch_size=64, verbose=0)
    return np.mean(model.predict(X_test, verbose=0).argmax(1) == test[1])


def _adam(schedule):
    import keras

    return keras.optimizers.AdamW(schedule, beta_2=0.99, weight_decay=0.01)


def _one_cycle(peak, steps):
    """Return fastai's schedule: up by a cosine for a quarter of the steps, then down by one."""
    import keras

    up = max(1, steps // 4)
    return keras.optimizers.schedules.CosineDecay(
        peak / 25, max(1, steps - up), warmup_target=peak, warmup_steps=up
    )
