"""Transfer from clothes to digits and to photographs, against training from scratch.

Run ``python benchmarks/other_domains.py``; it takes about 40 minutes on two cores. A MobileNetV2
is pretrained by this library on all of Fashion-MNIST, and fine-tuned with 10, 50 and all images a
class, three draws each:

- scikit-learn's handwritten digits, 8 x 8 grey;
- patches of 32 x 32 pixels, in colour, from photographs of scikit-image. The class of a patch is
  its photograph. Test patches are the right third of each photograph.

Fine-tuning and training from scratch get the same epochs. With 10 images a class these are 30 to 60
updates, in which random weights learn nothing. So that case is repeated with ten times the epochs.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import skimage.data
from _draws import draw_rows
from _report import print_table
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


def draw(X, y, n_images, seed):
    """Return `n_images` images of each class; `None` for all."""
    if n_images is None:
        return X, y
    rows = draw_rows(y, n_images, seed)
    return X[rows], y[rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pretrain-epochs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    rows = []
    with TemporaryDirectory() as folder:
        body = Path(folder, "fashion.weights.h5")
        source = TransferClassifier(
            "mobilenet_v2",
            epochs=options.pretrain_epochs,
            batch_size=128,
            random_state=0,
            verbose=1,
        )
        source.fit(*fetch_fashion_mnist("train", return_X_y=True)).save_backbone_weights(body)
        print(f"Fashion-MNIST: {source.score(*fetch_fashion_mnist('test', return_X_y=True)):.3f}")
        starts = {
            "transfer": {"weights": body},
            "transfer, nothing frozen": {"weights": body, "freeze_until": None},
            "scratch": {},
        }
        short, long = options.epochs, 10 * options.epochs
        sizes = ((10, short), (10, long), (50, short), (None, short))
        for domain, (train, test) in {"digits": digits(), "photographs": photographs()}.items():
            for n_images, epochs in sizes:
                for start, params in starts.items():
                    scores = [
                        TransferClassifier(
                            "mobilenet_v2",
                            epochs=epochs,
                            batch_size=32,
                            input_size=PATCH,
                            random_state=seed,
                            **params,
                        )
                        .fit(*draw(*train, n_images, seed))
                        .score(*test)
                        for seed in range(options.seeds)
                    ]
                    spread = " ".join(f"{score:.3f}" for score in scores)
                    size = n_images or f"all ({len(train[1])} images)"
                    rows.append((domain, size, epochs, start, f"{np.mean(scores):.3f}", spread))
                    print(rows[-1], flush=True)
    columns = ["domain", "images a class", "epochs", "training", "mean", "seeds"]
    print_table("Test accuracy, MobileNetV2 pretrained on Fashion-MNIST", columns, rows)


if __name__ == "__main__":
    main()
