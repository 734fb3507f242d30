"""The cost of a fit with default settings, by number of images, before a change and after it.

Run ``python benchmarks/default_cost.py --before FOLDER``, where FOLDER is a checkout of the version
to compare with; it takes about fifteen minutes on two cores. The sides take turns. Each fit has a
separate process, which first fits a few images, so that TensorFlow's start is left out.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import mean, median

from _processes import last_line_of
from _report import print_table

SIZES = (100, 1_000, 10_000, 60_000)
PROGRAM = """
import json, sys
from pathlib import Path
from time import perf_counter
import skfashion
from skfashion import TransferClassifier
if Path(skfashion.__file__).parents[1] != Path(sys.argv[3]):
    sys.exit(f"imported {skfashion.__file__}, not the package of {sys.argv[3]}")
from skfashion.datasets import fetch_fashion_mnist
X, y = fetch_fashion_mnist("train", return_X_y=True)
test = fetch_fashion_mnist("test", return_X_y=True)
size, seed = map(int, sys.argv[1:3])
TransferClassifier(epochs=1, batch_size=50, random_state=0).fit(X[:100], y[:100])
begin = perf_counter()
clf = TransferClassifier(random_state=seed).fit(X[-size:], y[-size:])
print(json.dumps([perf_counter() - begin, clf.score(*test)]))
"""


def fit(folder, size, seed):
    """Return seconds and accuracy of a fit with the package of a folder."""
    # Without -P the working folder comes before PYTHONPATH.
    command = sys.executable, "-P", "-c", PROGRAM, size, seed, folder
    return json.loads(last_line_of(*command, env={**os.environ, "PYTHONPATH": str(folder)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folders = options.before.resolve(), Path(__file__).resolve().parents[1]
    rows = []
    for size in options.sizes:
        rounds = [[fit(folder, size, seed) for folder in folders] for seed in range(options.rounds)]
        cells = [f"{size:,}"]
        for side in (0, 1):
            seconds, scores = zip(*(each[side] for each in rounds), strict=True)
            cells += [f"{median(seconds):.1f}", f"{mean(scores):.3f}"]
        ratio = median(after[0] / before[0] for before, after in rounds)
        rows.append([*cells, f"{ratio:.2f}"])
        print(*rows[-1], flush=True)
    print_table(
        f"a fit with default settings, {options.rounds} rounds: median seconds, mean accuracy",
        ["images", "before, s", "accuracy", "after, s", "accuracy", "ratio"],
        rows,
    )


if __name__ == "__main__":
    main()
