"""The cost of a search over heads on a frozen VGG16, in forward passes.

Run ``python benchmarks/shared_backbone.py``; it takes about 50 minutes on two cores. The search has
12,000 images, 32 pixels a side, frozen to block4_pool, and 5 candidates x 3 folds. Without sharing,
each of the 15 fits and scores runs the frozen part over all images. The sides take turns, with a
pass through the frozen part between them. The environment variable SKFASHION_WEIGHTS may name a
folder with files of weights; without it the official ImageNet weights are fetched.
"""

import argparse
from tempfile import TemporaryDirectory

import numpy as np
from _report import print_table, seconds_of
from _searches import timed_search
from _weights import weights_of
from sklearn.model_selection import train_test_split

from skfashion import BackboneFeatures, TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

SIDES = ("shared", "shared, all features there", "not shared")
GRID = [
    {"hidden_units": [0], "learning_rate": [0.0003, 0.001, 0.003]},
    {"hidden_units": [128], "learning_rate": [0.0003, 0.001]},
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    X, y = fetch_fashion_mnist("train", return_X_y=True)
    X, _, y, _ = train_test_split(X, y, train_size=12_000, stratify=y, random_state=0)
    common = {"weights": weights_of("vgg16"), "random_state": 0}

    features = BackboneFeatures("vgg16", layer="block4_pool", **common).fit(X)
    features.transform(X[:200])

    def search(memory):
        clf = TransferClassifier(
            "vgg16",
            freeze_until="block4_pool",
            epochs=options.epochs,
            batch_size=128,
            input_size=32,
            memory=memory,
            **common,
        )
        seconds, results = timed_search(clf, GRID, 3, X, y)
        return seconds, results["mean_test_score"]

    passes, seconds, scores = [], {name: [] for name in SIDES}, []
    for _ in range(options.rounds):
        with TemporaryDirectory() as folder:
            for name, memory in zip(SIDES, (folder, folder, None), strict=True):
                passes.append(seconds_of(lambda: features.transform(X)))
                taken, reached = search(memory)
                seconds[name].append(taken)
                scores.append(reached)
    if not all(np.array_equal(reached, scores[0]) for reached in scores):
        raise AssertionError("scores differ")
    forward = np.median(passes)
    shared, again, alone = (np.median(taken) for taken in seconds.values())
    rows = [
        (
            name,
            " ".join(f"{one:.0f}" for one in seconds[name]),
            f"{median:.1f}",
            f"{median / forward:.2f}",
            f"{(median - again) / forward:.2f}",
        )
        for name, median in zip(SIDES, (shared, again, alone), strict=True)
    ]
    columns = ["side", "seconds", "median", "forward passes", "beyond training the heads"]
    print_table(f"VGG16, {len(X)} images, best score {scores[0].max():.3f}", columns, rows)
    print(f"a forward pass: {forward:.1f} s; sharing: {alone / shared:.1f}x")


if __name__ == "__main__":
    main()
