"""Where TensorFlow cannot compute: forked processes, and scopes of tf.distribute strategies."""

import multiprocessing

import pytest
import tensorflow as tf

from skfashion import BackboneFeatures, TransferClassifier
from skfashion._keras.runtime import check_runtime
from tests.programs import run_program

FORKED = """
import multiprocessing
import numpy as np
from skfashion import BackboneFeatures, TransferClassifier

X = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype="uint8")
y = np.arange(40) % 2
clf = TransferClassifier(epochs=1, random_state=0).fit(X, y)
clf.predict(X)
features = BackboneFeatures(random_state=0).fit(X)
features.transform(X)

def call(name):
    calls = {
        "predict": lambda: clf.predict(X),
        "fit": lambda: clf.fit(X, y),
        "fit another": lambda: TransferClassifier(hidden_units=3).fit(X, y),
        "model_": lambda: clf.model_,
        "save": lambda: clf.save_backbone_weights("never-written.weights.h5"),
        "transform": lambda: features.transform(X),
        "fit features": lambda: features.fit(X),
        "fit other images": lambda: TransferClassifier().fit(X[:, :, :7], y),
    }
    try:
        calls[name]()
    except RuntimeError as error:
        return str(error)
    return "no error"

names = ["predict", "fit", "fit another", "model_", "save", "transform", "fit features"]
names += ["fit other images"]
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(1) as pool:
        for name, message in zip(names, pool.map(call, names)):
            print(f"{name}: {message}")
"""


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the system cannot fork"
)
def test_a_forked_process_is_told_what_to_use_instead(tmp_path):
    lines = run_program(FORKED, folder=tmp_path).stdout.splitlines()
    assert len(lines) == 8
    for line in lines:
        name, _, message = line.partition(": ")
        assert message.startswith("TensorFlow cannot compute in this process"), name
        for remedy in ("spawn", "forkserver", "loky"):
            assert remedy in message
    assert not [*tmp_path.iterdir()]


def test_this_process_can_compute():
    check_runtime()


@pytest.mark.parametrize("fitted_before", [False, True])
def test_the_scope_of_a_strategy_is_named(lt5, fitted_before):
    X, y = lt5
    clf = TransferClassifier(epochs=1, hidden_units=11, random_state=0)
    features = BackboneFeatures(random_state=0)
    if fitted_before:
        clf.fit(X, y)
        features.fit(X)
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        for call in (lambda: clf.fit(X, y), lambda: features.fit(X)):
            with pytest.raises(RuntimeError, match=r"\(MirroredStrategy\).* outside the scope"):
                call()
        if fitted_before:
            with pytest.raises(RuntimeError, match="MirroredStrategy"):
                clf.predict(X)
    clf.fit(X, y).predict(X)


WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None
import numpy as np
from skfashion import BackboneFeatures, TransferClassifier
X, y = np.zeros((20, 8, 8), "uint8"), np.arange(20) % 2
for estimator in (TransferClassifier(), BackboneFeatures()):
    try:
        estimator.fit(X, y)
    except ModuleNotFoundError as error:
        print(error)
"""


def test_without_tensorflow_the_message_suits_both_estimators():
    lines = run_program(WITHOUT_TENSORFLOW, options=["-W", "ignore"]).stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("skfashion computes with TensorFlow, which is not installed")
        assert 'pip install "skfashion[tensorflow]"' in line
