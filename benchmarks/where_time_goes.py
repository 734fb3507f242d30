"""Operations a second of training, compared with the machine's peak.

Run ``python benchmarks/where_time_goes.py``; it takes about three minutes on two cores. The peak is
that of a multiplication of two 2,048 x 2,048 matrices, measured in turn with the steps: all layers
of the small CNN, its convolutions alone, and a frozen step on stored features. A second table gives
the milliseconds of the parts of a frozen step.
"""

import argparse
from functools import partial

import numpy as np
from _report import GTE5, print_table, seconds_of

from skfashion import TransferClassifier
from skfashion._keras.tensorflow import tf
from skfashion.datasets import fetch_fashion_mnist

MATRIX, BATCH = 2048, 128
# Multiplications and additions for an image, forward: conv1, conv2, dense, output (5 classes).
CONV = 2 * (26 * 26 * 32 * 9 + 24 * 24 * 32 * 9 * 32)
DENSE = 2 * (4608 * 128 + 128 * 5)


def operations(frozen):
    """Return the operations that a step takes for each image.

    The gradient of a layer's inputs costs as much as its forward pass, and so does that of its
    weights. The first layer that trains needs no gradient of its inputs.
    """
    if frozen:
        return 3 * DENSE - 2 * 4608 * 128
    return 3 * (CONV + DENSE) - 2 * 26 * 26 * 32 * 9


def peak():
    """Return the operations a second of a matrix multiplication."""
    a = tf.random.normal((MATRIX, MATRIX))
    return 2 * MATRIX**3 / seconds_of_one(lambda: tf.matmul(a, a))


def convolutions():
    """Return the operations a second of the body alone, forward and back, without training."""
    images = tf.random.uniform((BATCH, 28, 28, 1))
    kernels = [tf.random.normal(shape) / 10 for shape in ((3, 3, 1, 32), (3, 3, 32, 32))]

    def gradients():
        x = images
        with tf.GradientTape() as tape:
            tape.watch(kernels)
            for kernel in kernels:
                x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "VALID"))
            loss = tf.reduce_sum(tf.nn.max_pool2d(x, 2, 2, "VALID"))
        return tape.gradient(loss, kernels)

    return BATCH * (operations(frozen=False) - 3 * DENSE) / seconds_of_one(gradients)


def parts_of_a_frozen_step():
    """Return the milliseconds of each part of a step on stored features."""
    features = tf.random.normal((10_000, 4608))
    order = tf.random.shuffle(tf.range(10_000))[:BATCH]
    x, gradient = features[:BATCH], tf.random.normal((BATCH, 128))
    kernel, *moments = (tf.Variable(tf.random.uniform((4608, 128))) for _ in range(3))
    step = tf.random.normal((4608, 128))

    def adam():
        handles = dict(zip(("var", "m", "v"), (v.handle for v in (kernel, *moments)), strict=True))
        rates = dict.fromkeys(("beta1_power", "beta2_power", "beta1", "beta2", "epsilon"), 0.5)
        tf.raw_ops.ResourceApplyAdam(**handles, **rates, lr=1e-9, grad=step)

    parts = {
        "gather the features": lambda: tf.gather(features, order),
        "drop a quarter of them": lambda: tf.nn.experimental.stateless_dropout(x, 0.25, [1, 2]),
        "multiply, forward and back": lambda: (
            tf.matmul(x, kernel),
            tf.matmul(x, gradient, transpose_a=True),
        ),
        "Adam": adam,
    }
    return [(name, f"{1e3 * seconds_of_one(run):.2f}") for name, run in parts.items()]


def seconds_of_one(run, times=50):
    """Return the mean seconds of a traced function; it returns when all is computed."""
    traced = tf.function(run, autograph=False)
    traced()
    return seconds_of(lambda: [traced() for _ in range(times)]) / times


def frozen_step(X, y):
    """Return the operations a second of an epoch on stored features."""
    params = {"pretrain_classes": GTE5, "pretrain_epochs": 0}
    return operations_in_epochs(X, y, operations(frozen=True), **params)


def full_step(X, y):
    """Return the operations a second of an epoch of all layers."""
    rows = ~np.isin(y, GTE5)
    return operations_in_epochs(X[rows], y[rows], operations(frozen=False))


def operations_in_epochs(X, y, of_image, **params):
    clf = TransferClassifier(**params, epochs=3, batch_size=128, random_state=0).fit(X, y)
    n_images = np.isin(y, clf.classes_).sum()
    return n_images * of_image / np.mean(clf.history_["seconds"][1:])


def shares(X, y, rounds):
    measures = {
        "matrix multiplication": peak,
        "the convolutions of a step, alone": convolutions,
        "a step of all layers": partial(full_step, X, y),
        "a frozen step, features stored": partial(frozen_step, X, y),
    }
    reached = np.array([[measure() for measure in measures.values()] for _ in range(rounds)])
    of_peak = np.median(reached / reached[:, :1], axis=0)
    return [
        (name, f"{operations / 1e9:.0f}", f"{share:.0%}")
        for name, operations, share in zip(
            measures, np.median(reached, axis=0), of_peak, strict=True
        )
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    X, y = fetch_fashion_mnist("train", return_X_y=True)
    columns = ["step", "10^9 operations a second", "of the peak"]
    print_table("30,000 images, steps of 128", columns, shares(X, y, options.rounds))
    print_table("A frozen step of 128 images", ["part", "ms"], parts_of_a_frozen_step())


if __name__ == "__main__":
    main()
