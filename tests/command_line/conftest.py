"""Folders of tiny images, and a classifier that is fitted on one through the command line."""

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skfashion
from skfashion.__main__ import main
from skfashion.datasets import load_image_folder

# Names that mean something in HTML, in CSV and to matplotlib.
ODD, PLAIN = '<b>&"$x, y$"', "plain"
FIT = ["--backbone", "small_cnn", "--weights", "none", "--input-size", "8", "--epochs", "2"]


def write_photos(folder, n_images=12, labels=(ODD, PLAIN), seed=0):
    """Write images of 8 x 8 pixels, each class of another brightness."""
    rng = np.random.default_rng(seed)
    for number, label in enumerate(labels):
        (folder / label).mkdir(parents=True)
        for index in range(n_images):
            pixels = rng.integers(100, size=(8, 8), dtype=np.uint8) + np.uint8(
                150 * number // len(labels)
            )
            Image.fromarray(pixels).save(folder / label / f"<i>{index}.png")
    return folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="session")
def model(photos, tmp_path_factory):
    """The path of a file that `fit` wrote."""
    path = tmp_path_factory.mktemp("model") / "model.skf"
    assert main(["fit", str(photos), "--out", str(path), *FIT]) == 0
    return str(path)


@pytest.fixture(scope="session")
def cautious(photos):
    """A fitted pipeline that predicts the class PLAIN only where it is nearly certain."""
    features = skfashion.BackboneFeatures(input_size=8, random_state=0)
    pipeline = make_pipeline(features, StandardScaler(), LogisticRegression(C=0.001))
    model = FixedThresholdClassifier(pipeline, threshold=0.8, pos_label=PLAIN)
    return model.fit(*load_image_folder(photos, return_X_y=True))


@pytest.fixture
def run(capfd):
    """Run a command; return its exit code and the lines that it printed."""

    def run(*arguments):
        try:
            code = main([str(each) for each in arguments])
        except SystemExit as end:
            code = end.code
        printed = capfd.readouterr()
        return code, printed.out.splitlines(), printed.err.splitlines()

    return run
