"""A grid over layers of a frozen VGG16 and a classifier's penalty, in passes through the network.

Run ``python benchmarks/feature_grid.py``; it takes about 26 minutes on two cores. The grid has 4
layers x 3 values of C x 3 folds of 3,000 images, enlarged to 64 pixels a side. `BackboneFeatures`
with `memory` is compared with the `memory` of scikit-learn's `Pipeline` around the same features.
In each round both sides run in turn, and each starts with an empty folder. A pass is every image
through the network once. The environment variable SKFASHION_WEIGHTS may name a folder with
files of weights; without it the official ImageNet weights are fetched.
"""

import argparse
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from _report import print_table
from _searches import timed_search
from _weights import weights_of
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion import BackboneFeatures, memory_report
from skfashion.datasets import fetch_fashion_mnist

LAYERS = ["block2_pool", "block3_pool", "block4_pool", "block5_pool"]
PENALTIES = [0.001, 0.01, 0.1]
SIDES = ("skfashion, memory", "Pipeline(memory=)")


class CountingFeatures(BackboneFeatures):
    """Counts the images that pass through the network, in this process."""

    n_images = 0

    def transform(self, X):
        CountingFeatures.n_images += len(X)
        return super().transform(X)


def search(pipeline, name, X, y):
    """Return the seconds of a search, and its scores."""
    grid = {f"{name}__layer": LAYERS, "logisticregression__C": PENALTIES}
    seconds, results = timed_search(pipeline, grid, 3, X, y)
    return seconds, results["mean_test_score"]


def heads():
    return StandardScaler(), LogisticRegression(max_iter=1000)


def skfashion_side(params, X, y):
    """Return seconds, scores, and images through the network."""
    with TemporaryDirectory() as folder:
        pipeline = make_pipeline(BackboneFeatures(**params, memory=folder), *heads())
        result = search(pipeline, "backbonefeatures", X, y)
        return *result, memory_report(folder)["rows_computed"]


def pipeline_side(params, X, y):
    """Return seconds, scores, and images through the network."""
    CountingFeatures.n_images = 0
    with TemporaryDirectory() as folder:
        pipeline = make_pipeline(CountingFeatures(**params), *heads(), memory=folder)
        result = search(pipeline, "countingfeatures", X, y)
    return *result, CountingFeatures.n_images


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    X, y = fetch_fashion_mnist("train", return_X_y=True)
    X, _, y, _ = train_test_split(X, y, train_size=options.images, stratify=y, random_state=0)
    params = {
        "backbone": "vgg16",
        "weights": weights_of("vgg16"),
        "input_size": options.size,
        "random_state": 0,
    }
    # The first transformation traces the network, and TensorFlow's import is not counted.
    BackboneFeatures(**params).fit(X).transform(X[:1])
    seconds, passes, scores = {}, {}, {}
    for _ in range(options.rounds):
        for name, run in zip(SIDES, (skfashion_side, pipeline_side), strict=True):
            taken, scores[name], n_computed = run(params, X, y)
            seconds.setdefault(name, []).append(taken)
            passes[name] = n_computed / len(X)
            print(f"{name}: {taken:.1f} s, {passes[name]:.2f} passes", flush=True)
        if not np.array_equal(*scores.values()):
            raise AssertionError("the two sides have other scores")
    rows = [
        (
            name,
            f"{passes[name]:.2f}",
            " ".join(f"{one:.1f}" for one in times),
            f"{median(times):.1f}",
            f"{median(np.divide(times, seconds[SIDES[0]])):.2f}x",
            f"{scores[name].max():.3f}",
        )
        for name, times in seconds.items()
    ]
    columns = ["side", "passes", "seconds", "median s", "of skfashion's", "best score"]
    title = f"{len(LAYERS)} layers x {len(PENALTIES)} C x 3 folds, {len(X)} images"
    print_table(title, columns, rows)


if __name__ == "__main__":
    main()
