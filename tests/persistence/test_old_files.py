"""Files that earlier versions saved: they load for ever, and give the same probabilities.

``python -m tests.persistence.test_old_files NAME`` writes the files of a new format to `data/NAME`.
Files that are there are never written again.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion import BackboneFeatures, Recipe, TransferClassifier, load, save
from skfashion._estimators.schedule_position import SchedulePosition

DATA = Path(__file__).parent / "data"
FOLDERS = sorted(path.name for path in DATA.iterdir() if path.is_dir())


def images():
    """Return 24 images of 8 x 8 pixels, which no version of anything changes."""
    return (np.arange(24 * 64) ** 2 % 251).astype("uint8").reshape(24, 8, 8)


def write_files(folder):
    X, y = images(), np.array(["ankle boot", "bag", "coat", "dress"])[np.arange(24) % 4]
    classifier = TransferClassifier(
        pretrain_classes=["coat", "dress"],
        pretrain_epochs=1,
        epochs=2,
        batch_size=4,
        hidden_units=8,
        recipe=Recipe(label_smoothing=0.1),
        random_state=0,
    ).fit(X, y)
    pipeline = make_pipeline(
        BackboneFeatures(layer=["conv1", "features"], random_state=0),
        StandardScaler(),
        LogisticRegression(),
    ).fit(X, y)
    folder.mkdir(parents=True)
    classifier.save(folder / "classifier.skf")
    save(pipeline, folder / "pipeline.skf")
    probabilities = {
        name: each.predict_proba(X)
        for name, each in {"classifier": classifier, "pipeline": pipeline}.items()
    }
    np.savez(folder / "probabilities.npz", **probabilities)


# scikit-learn warns if its own version is another one.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize("name", ["classifier", "pipeline"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_old_files_give_the_same_probabilities(folder, name):
    estimator = load(DATA / folder / f"{name}.skf")
    with np.load(DATA / folder / "probabilities.npz") as expected:
        assert_allclose(estimator.predict_proba(images()), expected[name], atol=1e-5)


def test_what_old_files_hold():
    classifier = load(DATA / FOLDERS[0] / "classifier.skf")
    assert classifier.classes_.tolist() == ["ankle boot", "bag"]
    assert classifier.source_classes_.tolist() == ["coat", "dress"]
    assert classifier.recipe == Recipe(label_smoothing=0.1)
    assert len(classifier.history_["loss"]) == classifier.n_iter_ == 2


@pytest.mark.parametrize("folder", FOLDERS)
def test_training_continues_from_old_files(folder):
    classifier = load(DATA / folder / "classifier.skf").set_params(schedule="cosine")
    assert classifier._position == SchedulePosition(2)
    classes = np.array(["ankle boot", "bag"])
    classifier.partial_fit(images(), classes[np.arange(24) % 2])
    assert classifier._position == SchedulePosition(2, 1)
    assert classifier.n_iter_ == 3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize(
    ("folder", "layer"), [("0.1", "conv1"), ("0.1-layers", ["conv1", "features"])]
)
def test_layers_in_old_files(folder, layer):
    features = load(DATA / folder / "pipeline.skf")[0]
    assert features.layer == layer
    assert features.memory is None


if __name__ == "__main__":
    write_files(DATA / sys.argv[1])
