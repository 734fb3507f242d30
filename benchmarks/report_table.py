"""Three backbones on all of Fashion-MNIST: fine-tuned, the head alone, and from scratch.

Run ``python benchmarks/report_table.py``; it takes about six hours on two cores, and ``--rows
vgg16/fine-tuned ...`` runs only the rows named. The environment variable SKFASHION_WEIGHTS may name
a folder with files of weights; without it the official ImageNet weights are fetched. ResNet50 is
pretrained here, on images of classes 5 to 9.

A stratified 5,000 of the training images are held out. Freeze points, epochs and the recipes that
ship were chosen on these. The test images are scored once, at the end of a row. Training from
scratch gets as many epochs as take about the time of fine-tuning. Training the head alone gets 300,
which take less.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from _report import GTE5, print_table
from _weights import weights_of
from sklearn.model_selection import train_test_split

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

PUBLISHED = {"vgg16": 0.92, "resnet50": 0.94, "inception_v3": 0.95}


@dataclass(frozen=True)
class Row:
    """A line of the table; `pretrain_epochs` are passes over the images of classes 5 to 9."""

    backbone: str
    training: str
    freeze_until: str | None
    epochs: int
    pretrain_epochs: int = 0
    augmentation: tuple[str, ...] | None = None

    @property
    def name(self):
        return f"{self.backbone}/{self.training}"


ROWS = (
    Row("vgg16", "fine-tuned", "block2_pool", 6),
    Row("vgg16", "head-only", "features", 300),
    Row("vgg16", "scratch", None, 4),
    Row("inception_v3", "fine-tuned", None, 8, augmentation=("flip", "erase")),
    Row("inception_v3", "head-only", "features", 300),
    Row("inception_v3", "scratch", None, 8),
    Row("resnet50", "fine-tuned", None, 10, pretrain_epochs=3, augmentation=("flip",)),
    Row("resnet50", "head-only", "features", 300, pretrain_epochs=3),
    Row("resnet50", "scratch", None, 11),
)


def run(row, train, validation, test):
    """Fit one row; return its cells."""
    begin = perf_counter()
    common = {"backbone": row.backbone, "batch_size": 128, "random_state": 0, "verbose": 1}
    with TemporaryDirectory() as folder:
        if row.training == "scratch":
            weights = None
        elif row.pretrain_epochs:
            weights = Path(folder, "body.weights.h5")
            X, y = train
            source = [label in GTE5 for label in y]
            pretrained = TransferClassifier(epochs=row.pretrain_epochs, **common)
            pretrained.fit(X[source], y[source]).save_backbone_weights(weights)
        else:
            weights = weights_of(row.backbone)
        clf = TransferClassifier(
            weights=weights,
            freeze_until=row.freeze_until,
            epochs=row.epochs,
            augmentation=row.augmentation,
            **common,
        )
        clf.fit(*train, X_val=validation[0], y_val=validation[1])
    seconds = perf_counter() - begin
    return (
        row.backbone,
        row.training,
        max(clf._fitted.architecture.body_size),
        clf.freeze_point_ or "-",
        ", ".join(row.augmentation or ["-"]),
        f"{row.pretrain_epochs} + {row.epochs}" if row.pretrain_epochs else row.epochs,
        f"{seconds:.0f}",
        f"{clf.history_['val_accuracy'][-1]:.4f}",
        f"{clf.score(*test):.4f}",
        PUBLISHED[row.backbone],
    )


def main():
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", choices=names, default=names)
    options = parser.parse_args()

    X, y = fetch_fashion_mnist("train", return_X_y=True)
    X, X_val, y, y_val = train_test_split(X, y, test_size=5_000, stratify=y, random_state=0)
    test = fetch_fashion_mnist("test", return_X_y=True)
    columns = ["backbone", "training", "side", "frozen to", "augmentation", "epochs"]
    columns += ["seconds", "validation", "test", "published"]
    cells = []
    for row in ROWS:
        if row.name in options.rows:
            cells.append(run(row, (X, y), (X_val, y_val), test))
            title = f"{len(X):,} training images, accuracy, {os.cpu_count()} cores"
            print_table(title, columns, cells)


if __name__ == "__main__":
    main()
