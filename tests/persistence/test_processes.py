"""Saved, pickled and dumped by joblib and cloudpickle: a fresh process predicts the same bits.

One process loads all files, because the import of TensorFlow takes seconds.
"""

import pickle
import shutil
from threading import Lock

import cloudpickle
import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skfashion
from skfashion import Backbone, BackboneFeatures, TransferClassifier, list_backbones
from skfashion.datasets import load_fashion_sample
from tests.programs import run_program
from tests.residual import RESIDUAL

PROGRAM = """
import pickle, sys
from pathlib import Path
import cloudpickle, joblib, numpy as np, skfashion
from tests.residual import RESIDUAL
folder = Path(sys.argv[1])
X = np.load(folder / "X.npy")
load = {
    ".skf": lambda path: skfashion.load(path, backbones=[RESIDUAL]),
    ".pickle": lambda path: pickle.loads(path.read_bytes()),
    ".cloudpickle": lambda path: cloudpickle.loads(path.read_bytes()),
    ".joblib": joblib.load,
}
outputs = {}
for path in sorted(folder.glob("*.*")):
    if path.suffix in load:
        estimator = load[path.suffix](path)
        get = getattr(estimator, "predict_proba", None) or estimator.transform
        outputs[path.name] = get(X)
np.savez(folder / "outputs.npz", **outputs)
"""

# As a cell of a notebook defines it: the loading process has no such function.
NOTEBOOK = """
def build(images):
    from keras import layers
    x = layers.Rescaling(1 / 255)(images)
    return layers.Conv2D(4, 3, strides=2, activation="relu", name="conv")(x)
"""


def notebook_backbone():
    cell = {"__name__": "__main__"}
    exec(NOTEBOOK, cell)
    return Backbone("notebook", build=cell["build"], stages=("conv",), min_size=8)


def write(estimator, path):
    """Write an estimator in the way that the ending of the path names."""
    if path.suffix == ".skf":
        skfashion.save(estimator, path)
    elif path.suffix == ".joblib":
        joblib.dump(estimator, path)
    else:
        how = {".pickle": pickle, ".cloudpickle": cloudpickle}[path.suffix]
        path.write_bytes(how.dumps(estimator))


def outputs_there(folder, X):
    """Return what a fresh process predicts with the files of a folder, by their names."""
    np.save(folder / "X.npy", X)
    run_program(PROGRAM, folder, options=["-W", "error"])
    with np.load(folder / "outputs.npz") as outputs:
        return dict(outputs)


ALL_WAYS = [".skf", ".pickle", ".cloudpickle", ".joblib"]
CASES = {
    "split": ALL_WAYS,
    "residual": ALL_WAYS,
    "features": ALL_WAYS,
    "pipeline": [".skf"],
    "search": [".skf"],
    "notebook": [".pickle", ".cloudpickle", ".joblib"],
}


@pytest.fixture(scope="module")
def estimators(fitted, make, lt5):
    """One fitted estimator for each case."""
    X, y = lt5
    features = make_pipeline(
        BackboneFeatures(layer="conv1", random_state=0), StandardScaler(), LogisticRegression()
    )
    search = GridSearchCV(make(epochs=0), {"learning_rate": np.array([0.01])}, cv=2)
    return {
        "split": fitted,
        "residual": make(backbone=RESIDUAL, epochs=0).fit(X, y),
        "features": BackboneFeatures(layer="conv1", random_state=0).fit(X),
        "pipeline": features.fit(X, y),
        "search": search.fit(X, y),
        "notebook": make(backbone=notebook_backbone(), epochs=0).fit(X, y),
    }


@pytest.fixture(scope="module")
def there(estimators, lt5, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    for name, endings in CASES.items():
        for ending in endings:
            write(estimators[name], folder / f"{name}{ending}")
    return outputs_there(folder, lt5[0][:20])


@pytest.mark.parametrize("file", [name + end for name, ends in CASES.items() for end in ends])
def test_a_fresh_process_has_the_same_bits(estimators, there, lt5, file):
    estimator = estimators[file.partition(".")[0]]
    here = getattr(estimator, "predict_proba", None) or estimator.transform
    assert_array_equal(there[file], here(lt5[0][:20]))


@pytest.mark.slow
@pytest.mark.parametrize("backbone", list_backbones())
def test_every_backbone_with_and_without_a_class_split(tmp_path, backbone):
    X, y = load_fashion_sample(return_X_y=True)
    rows = np.concatenate([np.flatnonzero(y == label)[:6] for label in (1, 3, 6, 8)])
    X, y = X[rows], y[rows]
    here = {}
    for split in None, [6, 8]:
        params = {"pretrain_epochs": 1, "epochs": 1, "batch_size": 12, "hidden_units": 8}
        clf = TransferClassifier(backbone, pretrain_classes=split, random_state=0, **params)
        clf.fit(X, y)
        for ending in ALL_WAYS:
            name = f"{'split' if split else 'whole'}{ending}"
            write(clf, tmp_path / name)
            here[name] = clf.predict_proba(X)
    there = outputs_there(tmp_path, X)
    shutil.rmtree(tmp_path)  # of large backbones hundreds of megabytes
    assert there.keys() == here.keys()
    for name, probabilities in here.items():
        assert_array_equal(there[name], probabilities, err_msg=name)


@pytest.mark.parametrize("ending", [".pickle", ".cloudpickle", ".joblib"])
def test_a_backbone_that_cannot_be_pickled_says_so(tmp_path, ending):
    lock = Lock()
    backbone = Backbone("locked", build=lambda images: lock, stages=("conv",), min_size=8)
    with pytest.raises(TypeError, match=r"Backbone 'locked' cannot be pickled.*in a module"):
        write(TransferClassifier(backbone), tmp_path / f"a{ending}")
    # Files of skfashion.save hold no code, so it does not matter there.
    write(TransferClassifier(backbone), tmp_path / "a.skf")


def test_copies_of_a_backbone_are_equal():
    clf = TransferClassifier(notebook_backbone())
    one, other = (pickle.loads(pickle.dumps(clf)).backbone for _ in range(2))
    assert one == other
    assert one is not other
