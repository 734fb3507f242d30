"""The reference protocol on all of Fashion-MNIST, with the published figures.

Run ``python benchmarks/reference_protocol.py``; it takes about half an hour on two cores. The first
table has the reference's settings (Adadelta at 0.001, output layer kept), the second the default
optimizer. Both compare with training from scratch on the same target rows, with three seeds.
"""

import argparse

import numpy as np
from _report import DIRECTIONS, print_table
from sklearn.callback import FitCallback

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

PUBLISHED = {
    ("gte5 -> lt5", "pretrain"): 0.7114,
    ("gte5 -> lt5", "fine-tune"): 0.5364,
    ("lt5 -> gte5", "pretrain"): 0.6914,
    ("lt5 -> gte5", "fine-tune"): 0.7126,
}
REFERENCE = {"optimizer": "adadelta", "learning_rate": 0.001, "output_layer": "keep"}
SHARED = {"pretrain_epochs": 5, "epochs": 5, "batch_size": 128}


class Watch(FitCallback):
    """Scores the source task when pretraining ends."""

    def __init__(self, X, y):
        self.X, self.y, self.score = X, y, None

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        last = context.parent and context.task_id + 1 == context.parent.max_subtasks
        if context.task_name == "epoch" and last and context.parent.task_name == "pretrain":
            self.score = fitted_estimator.score(self.X, self.y)


def run(settings, source, target, seed, train, test):
    """Fit with and without pretraining; return test accuracies and seconds per epoch."""
    watch = Watch(*test)
    transfer = TransferClassifier(
        pretrain_classes=source, target_classes=target, random_state=seed, **SHARED, **settings
    )
    transfer.set_callbacks(watch).fit(*train)
    scratch = TransferClassifier(target_classes=target, random_state=seed, **SHARED, **settings)
    scratch.fit(*train)
    return {
        "pretrain": (watch.score, np.mean(transfer.pretrain_history_["seconds"])),
        "fine-tune": (transfer.score(*test), np.mean(transfer.history_["seconds"])),
        "scratch": (scratch.score(*test), np.mean(scratch.history_["seconds"])),
    }


def report(title, settings, seeds, train, test, published):
    """Print accuracies with their spread over seeds, and seconds per epoch."""
    rows = []
    for direction, (source, target) in DIRECTIONS.items():
        runs = [run(settings, source, target, seed, train, test) for seed in range(seeds)]
        for phase in runs[0]:
            scores, seconds = np.array([r[phase] for r in runs]).T
            rows.append(
                (
                    direction,
                    phase,
                    published.get((direction, phase), "-"),
                    f"{scores.mean():.4f}",
                    " ".join(f"{score:.4f}" for score in scores),
                    f"{np.ptp(scores):.4f}",
                    f"{np.median(seconds):.2f}",
                )
            )
    columns = ["direction", "phase", "published", "mean", "seeds", "spread", "s/epoch"]
    print_table(title, columns, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    train = fetch_fashion_mnist("train", return_X_y=True)
    test = fetch_fashion_mnist("test", return_X_y=True)
    report("Reference settings: test accuracy", REFERENCE, seeds, train, test, PUBLISHED)
    report("Default optimizer (Adam): test accuracy", {}, seeds, train, test, {})


if __name__ == "__main__":
    main()
