"""The reference protocol on all of Fashion-MNIST."""

import numpy as np
import pytest

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist
from tests.class_split import GTE5, LT5

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole():
    return fetch_fashion_mnist("train", return_X_y=True), fetch_fashion_mnist(
        "test", return_X_y=True
    )


@pytest.mark.parametrize(("source", "least"), [(GTE5, 0.90), (LT5, 0.968)], ids=["0-4", "5-9"])
def test_default_optimizer(whole, source, least):
    train, test = whole
    clf = TransferClassifier(pretrain_classes=source, random_state=0).fit(*train)
    assert clf.score(*test) >= least
    assert np.median(clf.history_["seconds"]) < np.median(clf.pretrain_history_["seconds"])
    # The frozen part runs once, not in each epoch.
    assert set(clf.history_["features"]) <= {"kept", "memory-mapped"}


def test_reference_settings(whole):
    train, test = whole
    clf = TransferClassifier(
        pretrain_classes=GTE5, optimizer="adadelta", output_layer="keep", random_state=0
    ).fit(*train)
    # Published: 0.536. Three seeds here: 0.56 to 0.70.
    assert 0.45 < clf.score(*test) < 0.8
