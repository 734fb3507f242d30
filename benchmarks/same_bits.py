"""Check whether a change of the code keeps every bit: record before it, compare after it.

Each configuration is fitted on the bundled sample. Probabilities, weights, and histories without
seconds are hashed. Hashes are valid on one machine, with one set of libraries, and one number
of threads, so make a new record for each comparison::

    PYTHONPATH=.. python same_bits.py record before.json     # in a checkout of the old code
    PYTHONPATH=.. python same_bits.py compare before.json    # in a checkout of the new code

Without PYTHONPATH, the package that is installed may be another checkout's; the script refuses it.
SKFASHION_WEIGHTS may name a folder with files of pretrained weights; they add configurations. Names
after the file choose configurations.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import psutil
from _report import GTE5
from _weights import weights_of
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline

import skfashion
from skfashion import BackboneFeatures, TransferClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.model_selection import ClassSplitCV

X, Y = load_fashion_sample(return_X_y=True)
X, Y = X[:300], Y[:300]
TARGET = X[Y < 5], Y[Y < 5]
X_TEST, Y_TEST = load_fashion_sample(subset="test", return_X_y=True)
X_TEST, Y_TEST = X_TEST[:150], Y_TEST[:150]


def digest(*arrays):
    state = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        state.update(f"{array.dtype.str} {array.shape}".encode() + array.tobytes())
    return state.hexdigest()[:16]


def fingerprint(clf, images=X_TEST):
    """Return hashes of what a fitted classifier predicts, holds and remembers."""
    histories = [
        {key: values for key, values in history.items() if key != "seconds"}
        for history in (clf.pretrain_history_, clf.history_)
    ]
    return {
        "probabilities": digest(clf.predict_proba(images)),
        "weights": digest(*clf.model_.get_weights()),
        "history": hashlib.sha256(repr(histories).encode()).hexdigest()[:16],
        "counts": [clf.freeze_point_, clf.n_frozen_params_, clf.n_trainable_params_, clf.n_iter_],
    }


def make(*args, **params):
    return TransferClassifier(
        *args, **{"pretrain_epochs": 1, "epochs": 2, "random_state": 0, "batch_size": 32, **params}
    )


def fit(*args, data=(X, Y), fit_params=None, images=X_TEST, **params):
    return fingerprint(make(*args, **params).fit(*data, **(fit_params or {})), images)


def split(*args, **params):
    return fit(*args, **{"pretrain_classes": GTE5, **params})


def little_memory(free_disk):
    """Run a block as if this much memory and disk were free."""
    stack = contextlib.ExitStack()
    stack.enter_context(
        mock.patch.object(psutil, "virtual_memory", return_value=SimpleNamespace(available=0))
    )
    if not free_disk:
        stack.enter_context(
            mock.patch.object(shutil, "disk_usage", return_value=SimpleNamespace(free=0))
        )
    return stack


def in_windows(free_disk, **params):
    many = np.tile(TARGET[0], (33, 1, 1)), np.tile(TARGET[1], 33)
    with little_memory(free_disk):
        return fit(data=many, freeze_until="features", epochs=1, batch_size=128, **params)


def with_memory(*params_of_fits, **shared):
    """Fit one after the other with one folder of `memory`."""
    with tempfile.TemporaryDirectory() as folder:
        return [split(**{**shared, **params}, memory=folder) for params in params_of_fits]


def warm_start(first, second):
    clf = make(warm_start=True, pretrain_classes=GTE5, **first).fit(X, Y)
    return fingerprint(clf.set_params(**second).fit(X, Y))


def partial_fits(n_calls, **params):
    clf = make(pretrain_classes=GTE5, **params)
    for _ in range(n_calls):
        clf.partial_fit(X, Y, classes=range(5))
    return fingerprint(clf)


def features(*args, images=X, **params):
    transformer = BackboneFeatures(*args, random_state=0, **params).fit(images)
    return digest(transformer.transform(images[:70]))


def saved_weights(suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"body{suffix}")
        make(epochs=1).fit(X, Y).save_backbone_weights(path)
        return fit(weights=path)


def grid(**params):
    search = GridSearchCV(
        make(pretrain_classes=GTE5, **params),
        {"freeze_until": [0, "conv1", "features"], "learning_rate": [1e-3, 3e-3]},
        cv=ClassSplitCV(2, pretrain_classes=GTE5),
    ).fit(X, Y)
    return [digest(search.cv_results_["mean_test_score"]), fingerprint(search.best_estimator_)]


def photographs(dtype, size, n_images):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n_images, size, size, 3)).astype(dtype)
    return images, np.arange(n_images) % 2


def grid_with_memory():
    with tempfile.TemporaryDirectory() as folder:
        return grid(memory=folder)


FLOATS = (X / 255.0, Y)
VALIDATION = {"X_val": X_TEST, "y_val": Y_TEST}
RATES = {"body_learning_rate": 3e-4, "layer_decay": 0.5, "clip_norm": 1.0}
CHANGING = {"schedule": "cosine", "warmup": 0.2}

CONFIGURATIONS = {
    "all classes": lambda: fit(),
    "split": lambda: split(),
    **{f"split, {p}": lambda p=p: split(freeze_until=p) for p in (None, "conv1", 2, -1, "dense")},
    "keep the output layer": lambda: split(output_layer="keep", optimizer="adadelta"),
    "float64": lambda: split(dtype="float64"),
    "mixed_bfloat16": lambda: split(dtype="mixed_bfloat16"),
    "flip": lambda: split(augmentation="flip"),
    "flip both, kept features": lambda: split(augmentation={"flip": "both"}, epochs=5),
    "rotate, zoom": lambda: split(augmentation=["rotate", "zoom"]),
    "shift, erase, frozen": lambda: split(augmentation=["shift", "erase", "flip"], freeze_until=1),
    "early stopping": lambda: split(early_stopping=True, epochs=6, n_iter_no_change=1, tol=0.02),
    "early stopping on X_val": lambda: split(
        early_stopping=True, epochs=6, n_iter_no_change=1, fit_params=VALIDATION
    ),
    "X_val": lambda: fit(fit_params=VALIDATION),
    "unfreezing": lambda: split(freeze_until=0, head_epochs=1, epochs_per_stage=1, epochs=4),
    "unfreezing, early stopping": lambda: split(
        freeze_until=0, head_epochs=2, epochs=6, early_stopping=True, n_iter_no_change=1, tol=0.1
    ),
    "warm start": lambda: warm_start({}, {"epochs": 3}),
    "warm start, thawed": lambda: warm_start({}, {"freeze_until": "conv1", "learning_rate": 1e-4}),
    "partial fits": lambda: partial_fits(3),
    "partial fits, cosine": lambda: partial_fits(3, epochs=3, **CHANGING),
    "class weights": lambda: split(class_weight="balanced", epochs=1),
    "sample weights": lambda: split(fit_params={"sample_weight": np.arange(len(Y)) % 3}),
    "schedule, warm-up, clipping": lambda: split(**CHANGING, clip_norm=0.5),
    "rates by depth": lambda: split(freeze_until=0, **RATES),
    **{
        name: lambda name=name: split(optimizer=name, learning_rate=1e-3, freeze_until=None)
        for name in ("sgd", "rmsprop", "adamw", "nadam", "lion", "adagrad")
    },
    "floats": lambda: fit(data=FLOATS, images=X_TEST / 255.0),
    "floats, uint8 validation": lambda: fit(
        data=(X.astype(float), Y), fit_params=VALIDATION, images=X_TEST
    ),
    "own range": lambda: fit(data=(X / 100.0 - 1, Y), images=X_TEST / 100.0 - 1),
    "flat int64": lambda: fit(data=(X.reshape(len(X), -1).astype(int), Y)),
    "padded rows": lambda: fit(data=(FLOATS[0][:, 10, :27], Y), images=X_TEST[:, 10, :27] / 255.0),
    "image_shape": lambda: fit(
        data=(X[:, :14].reshape(len(X), -1), Y),
        image_shape=(14, 28),
        images=X_TEST[:, :14].reshape(len(X_TEST), -1),
    ),
    "input_size": lambda: split(input_size=20),
    "probe": lambda: split(epochs="auto", batch_size="auto", freeze_until="features"),
    "probe, judged": lambda: fit(head_init="probe", epochs="auto", hidden_units=0),
    "body that ends early": lambda: split(body_until="conv1"),
    "no hidden layer": lambda: split(hidden_units=0, dropout=0.0, feature_dropout=0.0),
    "memory, missed and found": lambda: with_memory({}, {}, {"freeze_until": "dense"}),
    "memory, resumed": lambda: with_memory({"epochs": 1}, {"epochs": 3}, pretrain_epochs=8),
    "memory, early stopping": lambda: with_memory({}, {}, early_stopping=True, dtype="float64"),
    "memory-mapped features": lambda: in_windows(free_disk=True),
    "recomputed features": lambda: in_windows(free_disk=False, augmentation="flip"),
    "images in windows": lambda: fit(
        data=photographs("float32", 224, 470),
        images=photographs("float32", 224, 40)[0],
        input_size=32,
        epochs=1,
    ),
    "grid": grid,
    "grid with memory": grid_with_memory,
    "cross_val_predict": lambda: digest(
        cross_val_predict(make(), *TARGET, cv=2, method="predict_proba")
    ),
    "saved as HDF5": lambda: saved_weights(".weights.h5"),
    "saved as safetensors": lambda: saved_weights(".safetensors"),
    **{
        f"features, {layer}, {pooling}": lambda layer=layer, pooling=pooling: features(
            layer=layer, pooling=pooling
        )
        for layer, pooling in (("conv1", "max"), ("features", "average"), (1, "flatten"))
    },
    "features in a pipeline": lambda: digest(
        make_pipeline(BackboneFeatures(random_state=0), LogisticRegression(max_iter=20, tol=1))
        .fit(*FLOATS)
        .predict_proba(X_TEST / 255.0)
    ),
    **{
        f"{name}, split": lambda name=name, size=size: split(
            name,
            data=(X[:100], Y[:100]),
            images=X_TEST[:20],
            input_size=size,
            epochs=1,
            body_learning_rate=1e-3,
        )
        for name, size in (
            ("vgg16", 32),
            ("resnet50", 32),
            ("inception_v3", 75),
            ("densenet121", 32),
            ("efficientnet_b0", 32),
            ("efficientnet_v2_b0", 32),
            ("mobilenet_v2", 32),
            ("convnext_tiny", 32),
        )
    },
    "mobilenet_v2 on photographs": lambda: fit(
        "mobilenet_v2",
        data=photographs("uint8", 70, 40),
        images=photographs("uint8", 70, 9)[0],
        input_size=64,
        freeze_until=2,
        early_stopping=True,
    ),
}
if os.environ.get("SKFASHION_WEIGHTS"):
    CONFIGURATIONS |= {
        f"{name}, pretrained": lambda name=name, size=size: fit(
            name,
            weights=weights_of(name),
            data=(X[:100], Y[:100]),
            images=X_TEST[:20],
            input_size=size,
            **RATES,
        )
        for name, size in (("vgg16", 48), ("inception_v3", None), ("mobilenet_v2", 64))
    }
    CONFIGURATIONS["features, vgg16, pretrained"] = lambda: features(
        "vgg16", weights=weights_of("vgg16"), layer="block4_pool", input_size=64
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("path", type=Path)
    parser.add_argument("names", nargs="*", metavar="name", help="configurations; default: all")
    options = parser.parse_args()
    package, checkout = (Path(path).resolve().parents[1] for path in (skfashion.__file__, __file__))
    if package != checkout:
        parser.error(f"the package of {package} is imported: set PYTHONPATH={checkout}")
    if unknown := sorted(set(options.names) - set(CONFIGURATIONS)):
        parser.error(f"no configurations: {unknown}. The names are {sorted(CONFIGURATIONS)}.")
    records = options.action == "record"
    before = {} if records else json.loads(options.path.read_text())
    found, differing = {}, []
    for name in options.names or CONFIGURATIONS:
        found[name] = json.loads(json.dumps(CONFIGURATIONS[name]()))
        differs = not records and before.get(name) != found[name]
        if differs:
            differing.append(name)
        outcome = "recorded" if records else "differs" if differs else "equal"
        print(f"{outcome:10}{name}", flush=True)
    if records:
        options.path.write_text(json.dumps(found, indent=1))
    else:
        print(f"{len(found) - len(differing)} of {len(found)} configurations are equal.")
        for name in differing:
            print(f"differs: {name}\n  before {before.get(name)}\n  after  {found[name]}")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
