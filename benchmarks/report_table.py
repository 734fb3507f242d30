"""Three backbones on all of Fashion-MNIST: fine-tuned, the head alone, and from scratch.

Run ``python benchmarks/report_table.py``; it takes about five hours on two cores. ``--backbones
resnet50 --steps scratch`` runs a part. The environment variable SKFASHION_WEIGHTS may name a folder
with files of weights; without it the official ImageNet weights are fetched. ResNet50 is trained
from scratch only: pretraining on half of the classes gained nothing.

A stratified sample of 5,000 training images is held out. Freeze points, epochs and the recipes of
the backbones were chosen on these. The test images are scored once, at the end of a step. Training
from scratch has epochs for about the time of fine-tuning. The head alone trains for 300 epochs,
which take less time. Published accuracies are those of the report that this library grew out of, on
its validation images.

Each result is written to a file as soon as it is done, and each fit to a folder after every epoch,
so that the same command continues after an interruption. Seconds include the epochs of all runs. A
changed plan has separate results.
"""

import argparse
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from _report import print_table
from _results import RESULTS, Results, plan_of
from _weights import name_of_weights, weights_of
from sklearn.model_selection import train_test_split

from skfashion import Recipe, TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

COMMON = {"batch_size": 128, "random_state": 0, "verbose": 1}


@dataclass(frozen=True)
class Plan:
    """How a backbone is trained: parameters of `TransferClassifier` for each step.

    `None` leaves a step out. `published` is the accuracy of the first step.
    """

    published: float
    scratch: dict[str, Any]
    fine_tuned: dict[str, Any] | None = None
    head_only: dict[str, Any] | None = None

    def params(self, step):
        return getattr(self, step.replace("-", "_"))

    @property
    def first_step(self):
        return next(step for step in STEPS if self.params(step) is not None)


HEAD_ONLY = {"freeze_until": "features", "epochs": 300}
# Options for long training. The backbone's recipe has the rates and their schedule.
REGULARIZED = Recipe(weight_decay=0.05, label_smoothing=0.1, average=0.1, test_time_flips=True)

PLANS = {
    "vgg16": Plan(
        published=0.92,
        fine_tuned={"freeze_until": "block2_pool", "epochs": 6},
        head_only=HEAD_ONLY,
        scratch={"freeze_until": None, "epochs": 4},
    ),
    "inception_v3": Plan(
        published=0.95,
        fine_tuned={
            "freeze_until": None,
            "epochs": 10,
            "augmentation": ("flip", "erase"),
            "recipe": REGULARIZED,
        },
        head_only=HEAD_ONLY,
        scratch={"freeze_until": None, "epochs": 8},
    ),
    "resnet50": Plan(
        published=0.94,
        scratch={
            "freeze_until": None,
            "epochs": 16,
            "augmentation": ("flip", "crop"),
            "recipe": REGULARIZED,
        },
    ),
}
STEPS = ("fine-tuned", "head-only", "scratch")


@dataclass(frozen=True)
class Data:
    """Images and labels to train on, to choose by, and to score at the end."""

    train: tuple
    validation: tuple
    test: tuple

    @classmethod
    def load(cls, n_images):
        X, y = (part[:n_images] for part in fetch_fashion_mnist("train", return_X_y=True))
        X, X_val, y, y_val = train_test_split(
            X, y, test_size=len(X) // 12, stratify=y, random_state=0
        )
        test = tuple(part[:n_images] for part in fetch_fashion_mnist("test", return_X_y=True))
        return cls((X, y), (X_val, y_val), test)


class Run:
    """The steps of one backbone."""

    def __init__(self, backbone, data: Data, results: Results, folder: Path):
        self._backbone, self._plan, self._data = backbone, PLANS[backbone], data
        self._results, self._folder = results, folder

    def _fit(self, step):
        clf = TransferClassifier(
            self._backbone,
            weights=None if step == "scratch" else weights_of(self._backbone),
            checkpoint=self._folder,
            **{**COMMON, **self._plan.params(step)},
        )
        X_val, y_val = self._data.validation
        return clf.fit(*self._data.train, X_val=X_val, y_val=y_val)

    def row(self, step):
        """Return the cells of a step: from the file of results, or by fitting."""
        plan, params = self._plan, {**COMMON, **self._plan.params(step)}
        settings = [params]
        if step != "scratch":
            settings.append(name_of_weights(self._backbone))
        cell = self._backbone, step, plan_of(*settings), f"{len(self._data.train[0])} images"
        fit = cache(lambda: self._fit(step))

        def result(name, compute):
            return self._results.get((*cell, name), lambda: compute(fit()))

        seconds = result("seconds", lambda clf: sum(clf.history_["seconds"]))
        side = result("side", lambda clf: max(clf.input_size_))
        cells = [self._backbone, step, f"{side:.0f}", params.get("freeze_until") or "-"]
        cells += [
            ", ".join(params.get("augmentation") or ["-"]),
            params["epochs"],
            f"{seconds:.0f}",
        ]
        validation = result("validation", lambda clf: clf.score(*self._data.validation))
        test = result("test", lambda clf: clf.score(*self._data.test))
        published = plan.published if step == plan.first_step else "-"
        return [*cells, f"{validation:.4f}", f"{test:.4f}", published]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbones", nargs="+", choices=PLANS, default=list(PLANS))
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--images", type=int, help="only the first images, to try the script")
    parser.add_argument("--checkpoint", type=Path, default=RESULTS.parent / "report_table")
    parser.add_argument("--results", type=Path, default=RESULTS / "report_table.jsonl")
    options = parser.parse_args()
    data, results = Data.load(options.images), Results(options.results)
    columns = ["backbone", "training", "side", "frozen to", "augmentation", "epochs"]
    columns += ["seconds", "validation", "test", "published"]
    rows = []
    for backbone in options.backbones:
        run = Run(backbone, data, results, options.checkpoint)
        for step in options.steps:
            if PLANS[backbone].params(step) is not None:
                rows.append(run.row(step))
    title = f"{len(data.train[0]):,} training images, accuracy, {os.cpu_count()} cores"
    print_table(title, columns, rows)
    results.print_origins()


if __name__ == "__main__":
    main()
