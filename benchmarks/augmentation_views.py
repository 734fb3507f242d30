"""Augmentation with a frozen VGG16: four stored views of an image against new ones in each epoch.

Run ``python benchmarks/augmentation_views.py``; it takes about half an hour on two cores.
SKFASHION_WEIGHTS may name a folder with files of weights; without it the official ImageNet weights
are fetched. Both sides train a head for 20 epochs on 2,000 images of Fashion-MNIST at 64 pixels,
with flips, shifts and zooms, and are scored on 2,000 test images. They take turns. A fit with K
views takes K passes through the frozen part for training. A fit without views takes one pass in
each epoch.
"""

import argparse
from statistics import mean, median

import numpy as np
from _report import print_table, seconds_of
from _weights import weights_of

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

N_TRAIN, N_TEST = 2_000, 2_000
EPOCHS = 20


def make(views, seed, epochs=EPOCHS):
    return TransferClassifier(
        "vgg16",
        weights=weights_of("vgg16"),
        freeze_until="features",
        head_init="random",
        input_size=64,
        augmentation=["flip", "shift", "zoom"],
        augmentation_views=views,
        epochs=epochs,
        batch_size=32,
        random_state=seed,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=N_TRAIN, help="fewer, to try the script")
    options = parser.parse_args()
    X, y = fetch_fashion_mnist("train", return_X_y=True)
    test = [part[:N_TEST] for part in fetch_fashion_mnist("test", return_X_y=True)]
    sides = {"stored views": options.views, "anew in each epoch": None, "no augmentation": None}
    results = {side: [] for side in sides}
    for views in (options.views, None):  # the first fits build and trace
        make(views, 0, epochs=1).fit(X[:64], y[:64])
    for seed in range(options.rounds):
        rows = np.random.default_rng(seed).permutation(len(X))[: options.images]
        for side, views in sides.items():
            clf = make(views, seed)
            if side == "no augmentation":
                clf.set_params(augmentation=None)
            seconds = seconds_of(lambda clf=clf, rows=rows: clf.fit(X[rows], y[rows]))
            results[side].append((seconds, clf.score(*test)))
            print(seed, side, *results[side][-1], flush=True)
    print_table(
        f"{options.images:,} images, {EPOCHS} epochs, {options.views} views; "
        f"medians and means of {options.rounds} rounds",
        ["augmentation", "seconds a fit", "accuracy"],
        [
            [side, f"{median(s for s, _ in runs):.1f}", f"{mean(a for _, a in runs):.4f}"]
            for side, runs in results.items()
        ],
    )
    stored, anew = results["stored views"], results["anew in each epoch"]
    ratio = median(other[0] / one[0] for one, other in zip(stored, anew, strict=True))
    print(f"New images in each epoch take {ratio:.2f} times as long")


if __name__ == "__main__":
    main()
