"""Transfer from clothes to digits and to photographs, against training from scratch.

Run ``python benchmarks/other_domains.py``; it takes about 40 minutes on two cores, and ``--domains
digits`` a part. Each result is written to a file as soon as it is done, and found there by the next
run. A MobileNetV2 is pretrained by this library on all of Fashion-MNIST, and fine-tuned with 10, 50
and all images a class, three draws each:

- scikit-learn's handwritten digits, 8 x 8 grey;
- patches of 32 x 32 pixels, in colour, from photographs of scikit-image. The class of a patch is
  its photograph. Test patches are the right third of each photograph.

Fine-tuning and training from scratch get the same epochs. With 10 images a class these are 30 to 60
updates, in which random weights learn nothing. So that case is repeated with ten times the epochs.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import skimage.data
from _draws import draw_rows
from _report import print_table, with_spread
from _results import RESULTS, Results, plan_of
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

PHOTOGRAPHS = (
    "astronaut",
    "chelsea",
    "coffee",
    "rocket",
    "hubble_deep_field",
    "immunohistochemistry",
)
PATCH = 32
PRETRAINING = {"epochs": 3, "batch_size": 128}
FINE_TUNING = {"batch_size": 32, "input_size": PATCH}
# Images of a class, `None` for all, and epochs.
SIZES = ((10, 15), (10, 150), (50, 15), (None, 15))


def digits():
    """Return training and test images of handwritten digits, from 0 to 1."""
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 8, 8) / 16
    X, X_test, y, y_test = train_test_split(X, y, test_size=500, stratify=y, random_state=0)
    return (X, y), (X_test, y_test)


def photographs():
    """Return training and test patches, with the number of the photograph of each."""
    parts = {"train": ([], []), "test": ([], [])}
    for label, name in enumerate(PHOTOGRAPHS):
        photograph = getattr(skimage.data, name)()
        height, width = photograph.shape[:2]
        border = width * 2 // 3 // PATCH * PATCH
        for top in range(0, height - PATCH + 1, PATCH):
            for left in range(0, width - PATCH + 1, PATCH):
                X, y = parts["train" if left < border else "test"]
                X.append(photograph[top : top + PATCH, left : left + PATCH])
                y.append(label)
    return tuple((np.stack(X), np.array(y)) for X, y in parts.values())


DOMAINS = {"digits": digits, "photographs": photographs}


def draw(X, y, n_images, seed):
    """Return `n_images` images of each class; `None` for all."""
    if n_images is None:
        return X, y
    rows = draw_rows(y, n_images, seed)
    return X[rows], y[rows]


def pretrain(path):
    """Pretrain on all of Fashion-MNIST, and save the body; return the test accuracy."""
    clf = TransferClassifier("mobilenet_v2", random_state=0, verbose=1, **PRETRAINING)
    clf.fit(*fetch_fashion_mnist("train", return_X_y=True)).save_backbone_weights(path)
    return clf.score(*fetch_fashion_mnist("test", return_X_y=True))


def score(train, test, n_images, epochs, seed, params):
    clf = TransferClassifier(
        "mobilenet_v2", epochs=epochs, random_state=seed, **FINE_TUNING, **params
    )
    return clf.fit(*draw(*train, n_images, seed)).score(*test)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--domains", nargs="+", choices=list(DOMAINS), default=list(DOMAINS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=RESULTS.parent / "other_domains")
    parser.add_argument("--results", type=Path, default=RESULTS / "other_domains.jsonl")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    results, plan = Results(options.results), plan_of(PRETRAINING)
    body = options.folder / f"mobilenet_v2 {plan}.weights.h5"
    accuracy = results.get(("source", plan), partial(pretrain, body))
    if not body.exists():
        pretrain(body)
    starts = {
        "transfer": {"weights": body},
        "nothing frozen": {"weights": body, "freeze_until": None},
        "from scratch": {},
    }
    plan, rows = plan_of(PRETRAINING, FINE_TUNING), []
    for domain in options.domains:
        train, test = DOMAINS[domain]()
        for n_images, epochs in SIZES:
            size = n_images or f"all, {len(train[1]):,}"
            cells = []
            for start, params in starts.items():
                scores = []
                for seed in range(options.seeds):
                    cell = plan, domain, str(size), epochs, start, seed
                    compute = partial(score, train, test, n_images, epochs, seed, params)
                    scores.append(results.get(cell, compute))
                cells.append(with_spread(scores))
            rows.append([domain, size, epochs, *cells])
    columns = ["domain", "images a class", "epochs", *starts]
    title = (
        f"test accuracy, MobileNetV2 pretrained on Fashion-MNIST ({accuracy:.3f}), mean of "
        f"{options.seeds} draws and half their spread"
    )
    print_table(title, columns, rows)
    results.print_origins()


if __name__ == "__main__":
    main()
