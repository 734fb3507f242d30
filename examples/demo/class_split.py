"""Both directions of the class split, against training from scratch.

``make demo`` runs this on the bundled sample, ``make demo FULL=1`` on all of Fashion-MNIST. It
prints a table and writes ``demo-output/learning_curve.png``.
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.callback import ProgressBar

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist, load_fashion_sample

mpl.use("Agg")
import matplotlib.pyplot as plt

LT5, GTE5 = [0, 1, 2, 3, 4], [5, 6, 7, 8, 9]
OUTPUT = Path("demo-output")


def fit_both_ways(source, target, epochs, train, test):
    """Fit with the source task and without it, on the same target rows; evaluate the test set."""
    fitted = {}
    for name, pretrain_classes in (("transfer", source), ("scratch", None)):
        clf = TransferClassifier(
            pretrain_classes=pretrain_classes,
            target_classes=target,
            pretrain_epochs=epochs,
            epochs=epochs,
            batch_size=128,
            random_state=0,
        )
        clf.set_callbacks(ProgressBar())
        fitted[name] = clf.fit(*train, X_val=test[0], y_val=test[1])
    return fitted


def table_rows(direction, fitted, train):
    """Yield a row for each phase: rows, parameters, seconds per epoch and test accuracy."""
    transfer, scratch = fitted["transfer"], fitted["scratch"]
    total = transfer.n_frozen_params_ + transfer.n_trainable_params_
    n_source = np.isin(train[1], transfer.source_classes_).sum()
    n_target = np.isin(train[1], transfer.classes_).sum()
    for phase, n_rows, trainable, frozen, history in (
        ("pretrain", n_source, total, 0, transfer.pretrain_history_),
        (
            "fine-tune",
            n_target,
            transfer.n_trainable_params_,
            transfer.n_frozen_params_,
            transfer.history_,
        ),
        ("from scratch", n_target, total, 0, scratch.history_),
    ):
        seconds, accuracy = np.median(history["seconds"]), history["val_accuracy"][-1]
        yield (
            direction,
            phase,
            f"{n_rows:,}",
            f"{trainable:,}",
            f"{frozen:,}",
            f"{seconds:.2f}",
            f"{accuracy:.4f}",
        )


def draw(results, path):
    """Draw test accuracy against epochs, a panel for each direction."""
    figure, axes = plt.subplots(1, len(results), figsize=(10, 4), sharey=True, layout="tight")
    for ax, (direction, fitted) in zip(axes, results.items(), strict=True):
        source = fitted["transfer"].pretrain_history_["val_accuracy"]
        before = len(source)
        for label, start, accuracy, style in (
            ("pretrain (source task)", 0, source, "C0--"),
            ("fine-tune", before, fitted["transfer"].history_["val_accuracy"], "C1-"),
            ("from scratch", before, fitted["scratch"].history_["val_accuracy"], "C2:"),
        ):
            epochs = np.arange(start + 1, start + len(accuracy) + 1)
            ax.plot(epochs, accuracy, style, marker=".", label=label)
        ax.axvline(before + 0.5, color="0.7", linewidth=1)
        ax.text(before + 0.6, 0.95, "freeze", color="0.4", transform=ax.get_xaxis_transform())
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set(title=f"classes {direction}", xlabel="epoch")
    axes[0].set_ylabel("test accuracy")
    axes[-1].legend(loc="lower right")
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all 60,000 + 10,000 images")
    full = parser.parse_args().full
    load = fetch_fashion_mnist if full else load_fashion_sample
    train = load(subset="train", return_X_y=True)
    test = load(subset="test", return_X_y=True)
    epochs = 5 if full else 10

    console = Console()
    console.print(
        f"Fashion-MNIST, {len(train[1]):,} training and {len(test[1]):,} test images, "
        f"{epochs} epochs a phase"
    )
    table = Table(caption="accuracy: on the test images of the phase's classes")
    for column in ("classes", "phase"):
        table.add_column(column, no_wrap=True)
    for column in ("rows", "trainable", "frozen", "s/epoch", "accuracy"):
        table.add_column(column, justify="right", no_wrap=True)
    results = {}
    for direction, source, target in (("5-9 -> 0-4", GTE5, LT5), ("0-4 -> 5-9", LT5, GTE5)):
        console.print(f"[bold]{direction}[/bold]: pretrain and fine-tune, then from scratch")
        results[direction] = fit_both_ways(source, target, epochs, train, test)
        for row in table_rows(direction, results[direction], train):
            table.add_row(*row)
        table.add_section()
    console.print(table)
    picture = OUTPUT / "learning_curve.png"
    draw(results, picture)
    console.print(f"Learning curves: {picture}")


if __name__ == "__main__":
    main()
