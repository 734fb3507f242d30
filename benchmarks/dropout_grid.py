"""A grid over dropout rates against as many fits with one rate: seconds and memory of a fit.

Run ``python benchmarks/dropout_grid.py``; it takes about two minutes on two cores. Fits of 200
images with a new rate and with the same rate take turns in one process. The first ones, which build
and trace, are left out.
"""

import argparse
import gc
from statistics import median

import psutil
from _report import print_table, seconds_of

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample

N_IMAGES, N_RATES, N_FIRST = 200, 10, 5


def fit(params):
    X, y = load_fashion_sample(return_X_y=True)
    clf = TransferClassifier(epochs=5, batch_size=32, random_state=0, **params)
    clf.fit(X[:N_IMAGES], y[:N_IMAGES])


def megabytes():
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = []
    for name in ("dropout", "feature_dropout"):
        for _ in range(N_FIRST):
            fit({name: 0.5})
        seconds, grown = {"new": [], "same": []}, {"new": [], "same": []}
        for number in range(options.rounds * N_RATES):
            # Rates that no fit had before.
            rates = {"new": 0.1 + 0.7 * number / (options.rounds * N_RATES), "same": 0.5}
            for side, rate in rates.items():
                before = megabytes()
                seconds[side].append(seconds_of(lambda rate=rate, name=name: fit({name: rate})))
                grown[side].append(megabytes() - before)
        ratio = median(
            new / same for new, same in zip(seconds["new"], seconds["same"], strict=True)
        )
        for side in seconds:
            mean = sum(grown[side]) / len(grown[side])
            rows.append([name, side, f"{median(seconds[side]):.3f}", f"{mean:.2f}", ""])
        rows[-2][-1] = f"{ratio:.2f}"
    print_table(
        f"{options.rounds * N_RATES} fits of {N_IMAGES} images with a new rate, and with the same",
        ["parameter", "rate", "seconds a fit", "MB a fit", "ratio"],
        rows,
    )


if __name__ == "__main__":
    main()
