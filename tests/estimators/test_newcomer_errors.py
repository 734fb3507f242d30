"""Mistakes of a first session: each message leads to the next right step."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.exceptions import DataConversionWarning

from skfashion import TransferClassifier

IMAGES = np.zeros((6, 9, 8), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])
NAMES = np.array(["bag", "coat", "dress"])[LABELS]
SWAPPED = r"X has shape \(6,\) and y has shape \(6, 9, 8\).* Pass images as X and labels as y"


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (LABELS, IMAGES, SWAPPED),
        (NAMES, IMAGES, SWAPPED),
        (LABELS, IMAGES.reshape(6, -1), r"X has shape \(6,\) and y has shape \(6, 72\)"),
        (LABELS, np.eye(2)[:1].repeat(6, 0), r"X must be images of shape"),
        (LABELS, LABELS, r"X must be images of shape .* got an array of shape \(6,\)\. Reshape"),
        (IMAGES, np.eye(3)[LABELS], r"y must be a 1d array .* one-hot rows are y\.argmax\(axis=1"),
        (IMAGES, np.zeros(6, int), r"at least two classes.* Pass rows of two or more classes\.$"),
    ],
)
def test_data(X, y, message):
    with pytest.raises(ValueError, match=message):
        TransferClassifier(epochs=1).fit(X, y)


def test_swapped_validation_and_test_data(fitted):
    swapped = {"X_val": LABELS, "y_val": IMAGES}
    with pytest.raises(ValueError, match="Pass images as X_val and labels as y_val"):
        TransferClassifier(epochs=1).fit(IMAGES, LABELS, **swapped)
    with pytest.raises(ValueError, match=SWAPPED):
        fitted.score(LABELS, IMAGES)
    with pytest.raises(ValueError, match="are compared with their type: convert those of y"):
        fitted.score(np.zeros((6, 14, 14)), NAMES)


@pytest.mark.parametrize("kind", [np.array, pd.Series])
def test_paths_with_one_hot_labels_are_not_swapped(tmp_path, kind):
    paths = [str(tmp_path / f"{row}.png") for row in range(6)]
    for path in paths:
        Image.new("L", (9, 9)).save(path)
    for y in (np.eye(3)[LABELS], pd.get_dummies(LABELS)):
        with pytest.raises(ValueError, match=r"y must be a 1d array .* y\.argmax\(axis=1"):
            TransferClassifier(epochs=1).fit(kind(paths), y)


def test_a_column_of_labels_is_not_taken_for_one_hot_rows():
    images = IMAGES + np.uint8(100) * LABELS[:, None, None].astype(np.uint8)
    with pytest.warns(DataConversionWarning):
        TransferClassifier(epochs=1, random_state=0).fit(images, LABELS[:, None])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"pretrain_classes": ["0"]}, "pretrain_classes has text and y has numbers: convert one"),
        ({"freeze_until": "feature"}, r"not one of \['conv1'.* Did you mean 'features'"),
        ({"epochs": "10"}, r"The 'epochs' parameter .* Got '10' instead"),
        ({"weights": "imagenet"}, r"Pass the path .* official weights, such as \"mobilenet_v2\""),
    ],
)
def test_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        TransferClassifier(**{"epochs": 1, **params}).fit(IMAGES, LABELS)


def test_network_before_fit():
    clf = TransferClassifier()
    assert not hasattr(clf, "model_")
    with pytest.raises(AttributeError, match=r"'model_' before fit\. Call fit first"):
        clf.model_  # noqa: B018
    with pytest.raises(AttributeError, match=r"has no attribute 'modle_'$"):
        clf.modle_  # noqa: B018
