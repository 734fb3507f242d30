# After the guides "Transfer learning & fine-tuning" and "Image classification from scratch".
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.model_selection import StratifiedKFold

folder, new_file, weights = sys.argv[1:]

SIZE = (224, 224)
names = sorted(path.name for path in Path(folder).iterdir())
paths = np.array([str(path) for name in names for path in sorted(Path(folder, name).iterdir())])
y = np.array([names.index(Path(path).parent.name) for path in paths])


def decode(path):
    image = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
    return tf.image.resize(image, SIZE)


def make_dataset(paths, y, shuffle=False):
    dataset = tf.data.Dataset.from_tensor_slices((paths, y))
    if shuffle:
        dataset = dataset.shuffle(len(paths), seed=0)
    return dataset.map(lambda path, label: (decode(path), label)).batch(32).prefetch(2)


def train(paths, y):
    body = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(*SIZE, 3), pooling="avg"
    )
    body.load_weights(weights)
    body.trainable = False
    inputs = keras.Input((*SIZE, 3))
    x = keras.applications.mobilenet_v2.preprocess_input(inputs)
    x = keras.layers.Dropout(0.2)(body(x, training=False))
    outputs = keras.layers.Dense(len(names), activation="softmax")(x)
    model = keras.Model(inputs, outputs)
    dataset = make_dataset(paths, y, shuffle=True)
    for trainable, rate, epochs in ((False, 1e-3, 20), (True, 1e-5, 10)):
        body.trainable = trainable
        model.compile(
            keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        model.fit(dataset, epochs=epochs, verbose=0)
    return model


accuracies = []
for training, test in StratifiedKFold(5).split(paths, y):
    model = train(paths[training], y[training])
    accuracies.append(model.evaluate(make_dataset(paths[test], y[test]), verbose=0)[1])
print(np.mean(accuracies))
print(names[train(paths, y).predict(decode(new_file)[None], verbose=0).argmax()])
