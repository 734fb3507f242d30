"""Few images of each class, by default settings, probes, scratch and published recipes.

Run ``python benchmarks/few_labels.py``; all of it takes about four hours on two cores, and
``--backbones vgg16 --sizes 10`` a part. SKFASHION_WEIGHTS may name a folder with files of weights;
without it the official ImageNet weights are fetched. Each cell is written to a file as soon as it
is done, and found there by the next run.

Every draw takes 10, 50 or 200 training images of each of the ten classes, the same for all methods,
and is scored on the first 2,000 test images. Nothing was chosen on these. The methods:

- ours: ``TransferClassifier(backbone, weights=..., random_state=draw)`` with default settings;
  "before" is the same with ``freeze_until="features"``, which leaves the linear probe.
- probe: logistic regression on standardised features of one layer. The layer (each of the
  backbone's stages), the side of the images (64, 96) and C (0.001 to 1) have the best accuracy of a
  5-fold cross-validation on the training images.
- scratch: ``TransferClassifier(backbone, random_state=draw)``, in bfloat16. Its images have the
  smallest side that the backbone takes, as by default with random weights: 32 pixels, InceptionV3
  75.
- keras: the recipe of Keras' guide "Transfer learning & fine-tuning": the body in inference mode,
  dropout, a new output layer for 20 epochs with Adam, then all layers for 10 epochs at 1e-5.
- fastai: the recipe of ``fine_tune`` in plain Keras: one epoch of the head, then 10 epochs of all
  layers with one cycle and rates that fall by a hundred towards the first layer. Both recipes have
  images of 64 pixels for VGG16 and 96 for the others, and train in bfloat16. "ours" trains in
  float32.
"""

import argparse
from pathlib import Path

from _draws import draw_rows
from _few_labels_peers import CS, SIDES, fastai_recipe, keras_recipe, tuned_probe
from _report import print_table, with_spread
from _results import RESULTS, Results, plan_of
from _weights import name_of_weights, weights_of

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

BACKBONES = ("vgg16", "inception_v3", "mobilenet_v2")
SIZES = (10, 50, 200)
N_TEST = 2_000


def ours(backbone, seed, train, test, **params):
    clf = TransferClassifier(backbone, weights=weights_of(backbone), random_state=seed, **params)
    return clf.fit(*train).score(*test)


def before_fine_tuning(backbone, seed, train, test):
    return ours(backbone, seed, train, test, freeze_until="features")


def scratch(backbone, seed, train, test):
    clf = TransferClassifier(backbone, random_state=seed, dtype="mixed_bfloat16")
    return clf.fit(*train).score(*test)


METHODS = {
    "ours": ours,
    "before": before_fine_tuning,
    "probe": tuned_probe,
    "scratch": scratch,
    "keras": keras_recipe,
    "fastai": fastai_recipe,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbones", nargs="+", default=BACKBONES)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS / "few_labels.jsonl")
    options = parser.parse_args()
    X, y = fetch_fashion_mnist("train", return_X_y=True)
    test = [part[:N_TEST] for part in fetch_fashion_mnist("test", return_X_y=True)]
    results = Results(options.results)
    rows, plan = [], plan_of(N_TEST, SIDES, CS)
    for backbone in options.backbones:
        for size in options.sizes:
            cells = []
            for method in options.methods:
                accuracies = []
                for draw in range(options.draws):
                    chosen = draw_rows(y, size, draw)

                    def compute(backbone=backbone, method=method, draw=draw, chosen=chosen):
                        train = X[chosen], y[chosen]
                        return float(METHODS[method](backbone, draw, train, test))

                    cell = backbone, name_of_weights(backbone), plan, size, method, draw
                    accuracies.append(results.get(cell, compute))
                cells.append(with_spread(accuracies))
            rows.append([backbone, size, *cells])
    print_table(
        f"test accuracy, mean of {options.draws} draws and half their spread",
        ["backbone", "images a class", *options.methods],
        rows,
    )
    results.print_origins()


if __name__ == "__main__":
    main()
