"""How near training comes to the machine's peak, and how fits grow with rows, epochs, candidates.

Run ``python benchmarks/where_time_goes.py``; it takes about ten minutes on two cores. The peak is
that of a multiplication of two 2,048 x 2,048 matrices, measured in turn with the steps. Growth is
measured once, on both sides: a frozen network, and a search over learning rates as written by hand.
Keras builds its model anew for every fit; skfashion's fits are later ones of the process. It writes
growth.png.
"""

import argparse
from functools import partial
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from _grid_peers import HandWritten
from _plain_keras import as_floats, small_cnn
from _report import GTE5, print_table
from sklearn.model_selection import GridSearchCV

from skfashion import TransferClassifier
from skfashion._keras.tensorflow import tf
from skfashion.datasets import fetch_fashion_mnist
from skfashion.model_selection import ClassSplitCV

MATRIX, BATCH = 2048, 128
SIDES = "skfashion", "Keras"
# Multiplications and additions an image, forward: conv1, conv2, dense, output (5 classes).
CONV = 2 * (26 * 26 * 32 * 9 + 24 * 24 * 32 * 9 * 32)
DENSE = 2 * (4608 * 128 + 128 * 5)


def operations(frozen):
    """Return operations an image of a step.

    Gradients of a layer's inputs and of its weights cost as much again; the first layer that trains
    needs none of its inputs.
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
    """Return the milliseconds of what a step on kept features is made of."""
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
    """Return the mean seconds of a traced function, which returns when all is computed."""
    traced = tf.function(run, autograph=False)
    traced()
    return seconds_of(lambda: [traced() for _ in range(times)]) / times


def frozen_step(X, y):
    """Return the operations a second of an epoch on features."""
    params = {"pretrain_classes": GTE5, "pretrain_epochs": 0}
    return operations_in_epochs(X, y, operations(frozen=True), **params)


def full_step(X, y):
    """Return the operations a second of an epoch of all layers."""
    rows = ~np.isin(y, GTE5)
    return operations_in_epochs(X[rows], y[rows], operations(frozen=False))


def operations_in_epochs(X, y, of_image, **params):
    clf = TransferClassifier(**params, epochs=3, random_state=0).fit(X, y)
    n_images = np.isin(y, clf.classes_).sum()
    return n_images * of_image / np.mean(clf.history_["seconds"][1:])


def shares(X, y, rounds):
    measures = {
        "matrix multiplication": peak,
        "the convolutions of a step, alone": convolutions,
        "a step of all layers": partial(full_step, X, y),
        "a frozen step, features kept": partial(frozen_step, X, y),
    }
    reached = np.array([[measure() for measure in measures.values()] for _ in range(rounds)])
    of_peak = np.median(reached / reached[:, :1], axis=0)
    return [
        (name, f"{operations / 1e9:.0f}", f"{share:.0%}")
        for name, operations, share in zip(
            measures, np.median(reached, axis=0), of_peak, strict=True
        )
    ]


def seconds_of(run):
    begin = perf_counter()
    run()
    return perf_counter() - begin


def fit_frozen(X, y, epochs):
    TransferClassifier(freeze_until="features", epochs=epochs, random_state=0).fit(X, y)


def fit_frozen_in_keras(X, y, epochs):
    small_cnn(trainable=False).fit(as_floats(X), y, batch_size=128, epochs=epochs, verbose=0)


def search(X, y, n_candidates, estimator):
    grid = {"learning_rate": np.geomspace(1e-4, 1e-2, n_candidates)}
    cv = ClassSplitCV(3, pretrain_classes=GTE5)
    GridSearchCV(estimator, grid, cv=cv, refit=False).fit(X, y)


def search_with_memory(X, y, n_candidates):
    with TemporaryDirectory() as folder:
        clf = TransferClassifier(
            pretrain_classes=GTE5, pretrain_epochs=2, epochs=2, random_state=0, memory=folder
        )
        search(X, y, n_candidates, clf)


def search_by_hand(X, y, n_candidates):
    search(X, y, n_candidates, HandWritten(GTE5, epochs=2, freeze_until="features"))


def growth(X, y):
    """Return, by what grows, its sizes and the seconds of both sides, in turn."""
    target = ~np.isin(y, GTE5)
    X_target, y_target = X[target], y[target]
    fits, searches = (fit_frozen, fit_frozen_in_keras), (search_with_memory, search_by_hand)
    curves = {
        "images (5 frozen epochs)": (
            [1_000, 3_000, 10_000, 30_000],
            [lambda n, fit=fit: fit(X_target[:n], y_target[:n], 5) for fit in fits],
        ),
        "frozen epochs (10,000 images)": (
            [1, 2, 5, 10, 20, 40],
            [lambda n, fit=fit: fit(X_target[:10_000], y_target[:10_000], n) for fit in fits],
        ),
        "candidates (12,000 images, 3 folds)": (
            [1, 2, 4, 8],
            [lambda n, run=run: run(X[:12_000], y[:12_000], n) for run in searches],
        ),
    }
    return {
        name: (sizes, [[seconds_of(partial(side, n)) for side in sides] for n in sizes])
        for name, (sizes, sides) in curves.items()
    }


def draw(curves, path):
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(curves), figsize=(10, 3.2), layout="constrained")
    for axes, (name, (sizes, seconds)) in zip(panels, curves.items(), strict=True):
        for side, marker, values in zip(SIDES, "os", np.transpose(seconds), strict=True):
            axes.plot(sizes, values, marker=marker, label=side)
        axes.set(xlabel=name, ylabel="seconds", xlim=(0, None), ylim=(0, None))
    panels[0].legend(frameon=False)
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    X, y = fetch_fashion_mnist("train", return_X_y=True)
    columns = ["step", "10^9 operations a second", "of the peak"]
    print_table("30,000 images, steps of 128", columns, shares(X, y, options.rounds))
    print_table("A frozen step of 128 images", ["part", "ms"], parts_of_a_frozen_step())
    curves = growth(X, y)
    rows = [
        (name, size, f"{ours:.2f}", f"{theirs:.2f}", f"{theirs / ours:.1f}x")
        for name, (sizes, seconds) in curves.items()
        for size, (ours, theirs) in zip(sizes, seconds, strict=True)
    ]
    print_table("Growth", ["with", "number", *(f"{side}, s" for side in SIDES), "ratio"], rows)
    draw(curves, "growth.png")


if __name__ == "__main__":
    main()
