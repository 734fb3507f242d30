"""Accuracy against cost on all of Fashion-MNIST: the small ResNet and the small CNN.

Run ``python benchmarks/frontier.py``; all of it takes about six hours on two cores, and
``--networks small_resnet --epochs 8 --seeds 1`` a part. Each result is written to a file as soon as
it is done, and each fit to a folder after every epoch, so that the same command continues after an
interruption.

A fit trains on all 60,000 training images for a fixed number of epochs. It is scored on the 10,000
test images once, at its end. Nothing was chosen on these. Its cost is the seconds of its epochs,
and their ratio to an epoch of the small CNN in float32, with batches of 128. That epoch is timed
right before the fit.

Another table compares the seconds of an epoch with those of the same network in plain Keras'
``Model.fit``. Both sides take turns, with the same dtype, batches, weight decay, label smoothing
and averaged weights, and without augmentation. Learning rates are each side's defaults, so the
scores are only a check. The first epoch of a fit, in which both sides trace
their functions, is left out.
"""

import argparse
from pathlib import Path
from statistics import mean, median

from _plain_keras import as_floats, epoch_clock, small_resnet
from _report import print_table, with_spread
from _results import RESULTS, Results, describe_machine, plan_of

from skfashion import Recipe, TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

# What the networks train with, besides the recipes that ship.
SETTINGS = {
    "small_resnet": {
        "batch_size": 256,
        "augmentation": ["flip", "crop", "erase"],
        "recipe": Recipe(test_time_flips=True),
    },
    "small_cnn": {"batch_size": 128},
}
EPOCHS = (5, 10, 20, 40)
# What both sides of the comparison with Keras train with.
SPEED_BATCH, SPEED_EPOCHS = 256, 3
DECAY, SMOOTHING = 0.05, 0.1


def seconds_of_reference_epoch(train):
    """Return the seconds of an epoch of the small CNN, the first one left out."""
    clf = TransferClassifier(batch_size=128, epochs=2, random_state=0).fit(*train)
    return clf.history_["seconds"][1]


def fit_and_score(network, dtype, epochs, seed, checkpoint, train, test):
    """Return accuracy and cost of a fit."""
    reference = seconds_of_reference_epoch(train)
    clf = TransferClassifier(
        network,
        dtype=dtype,
        epochs=epochs,
        random_state=seed,
        verbose=1,
        checkpoint=checkpoint,
        **SETTINGS[network],
    ).fit(*train)
    seconds = sum(clf.history_["seconds"])
    return {
        "accuracy": clf.score(*test),
        "seconds": seconds,
        "small_cnn_epochs": seconds / reference,
    }


def frontier(options, results, train, test):
    """Return a row for each network and number of epochs."""
    rows = []
    for network in options.networks:
        for epochs in options.epochs:
            runs = []
            for seed in range(options.seeds):
                settings = str(SETTINGS[network])
                cell = (network, options.dtype, len(train[0]), epochs, seed, settings)

                def compute(network=network, epochs=epochs, seed=seed):
                    how = options.dtype, epochs, seed, options.checkpoint
                    return fit_and_score(network, *how, train, test)

                runs.append(results.get(cell, compute))
            accuracies = [run["accuracy"] for run in runs]
            rows.append(
                [
                    network,
                    epochs,
                    f"{mean(run['seconds'] for run in runs):.0f}",
                    f"{mean(run['small_cnn_epochs'] for run in runs):.0f}",
                    with_spread(accuracies, digits=4),
                ]
            )
    return rows


def time_skfashion(dtype, train, test):
    """Return the seconds of an epoch, and the accuracy."""
    clf = TransferClassifier(
        "small_resnet",
        dtype=dtype,
        batch_size=SPEED_BATCH,
        epochs=SPEED_EPOCHS,
        recipe=Recipe(weight_decay=DECAY, label_smoothing=SMOOTHING),
        random_state=0,
    ).fit(*train)
    return median(clf.history_["seconds"][1:]), clf.score(*test)


def time_keras(dtype, train, test):
    """Return the seconds of an epoch, and the accuracy."""
    import keras

    (X, y), (X_test, y_test) = train, test
    y, y_test = (keras.utils.to_categorical(labels, 10) for labels in (y, y_test))
    clock = epoch_clock()
    model = small_resnet(dtype, weight_decay=DECAY, label_smoothing=SMOOTHING)
    model.fit(
        as_floats(X),
        y,
        batch_size=SPEED_BATCH,
        epochs=SPEED_EPOCHS,
        verbose=0,
        callbacks=[clock],
    )
    _, accuracy = model.evaluate(as_floats(X_test), y_test, verbose=0)
    return median(clock.seconds[1:]), accuracy


def compare_with_keras(options, results, train, test):
    """Return the rows of the second table."""
    train = [part[: options.speed_images] for part in train]
    rounds = []
    for number in range(options.rounds):

        def compute():
            theirs, their_accuracy = time_keras(options.dtype, train, test)
            ours, our_accuracy = time_skfashion(options.dtype, train, test)
            return {
                "ours": ours,
                "theirs": theirs,
                "our accuracy": our_accuracy,
                "their accuracy": their_accuracy,
            }

        plan = plan_of(SPEED_BATCH, SPEED_EPOCHS, DECAY, SMOOTHING)
        cell = ("speed", describe_machine(), options.dtype, plan, options.speed_images)
        rounds.append(results.get((*cell, number), compute))
    return [
        [
            options.dtype,
            f"{median(each['ours'] for each in rounds):.1f}",
            f"{median(each['theirs'] for each in rounds):.1f}",
            f"{median(each['theirs'] / each['ours'] for each in rounds):.2f}x",
            f"{mean(each['our accuracy'] for each in rounds):.4f}",
            f"{mean(each['their accuracy'] for each in rounds):.4f}",
        ]
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--epochs", nargs="+", type=int, default=EPOCHS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dtype", default="mixed_bfloat16")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--speed-images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--checkpoint", type=Path, default=RESULTS.parent / "frontier")
    parser.add_argument("--results", type=Path, default=RESULTS / "frontier.jsonl")
    options = parser.parse_args()
    train = [part[: options.images] for part in fetch_fashion_mnist("train", return_X_y=True)]
    test = fetch_fashion_mnist("test", return_X_y=True)
    results = Results(options.results)
    if options.rounds:
        print_table(
            f"an epoch of {options.speed_images:,} images, batches of {SPEED_BATCH}, medians of "
            f"{options.rounds} rounds in turn",
            ["dtype", "skfashion, s", "Keras, s", "ratio", "our score", "Keras' score"],
            compare_with_keras(options, results, train, test),
        )
    print_table(
        f"{len(train[0]):,} training images, {options.dtype}, test accuracy: mean of "
        f"{options.seeds} seeds and half their spread",
        ["network", "epochs", "seconds", "in epochs of the small CNN", "accuracy"],
        frontier(options, results, train, test),
    )
    results.print_origins()


if __name__ == "__main__":
    main()
