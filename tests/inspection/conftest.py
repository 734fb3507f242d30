import pytest
from matplotlib import pyplot as plt
from sklearn.model_selection import GridSearchCV

from skfashion import TransferClassifier
from skfashion.model_selection import ClassSplitCV, freeze_points
from tests.class_split import GTE5


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def search(fashion):
    """Two learning rates at each freeze point, three folds."""
    clf = TransferClassifier(pretrain_classes=GTE5, pretrain_epochs=1, epochs=2, random_state=0)
    return GridSearchCV(
        clf,
        {"freeze_until": freeze_points("small_cnn", head=True), "learning_rate": [0.01, 0.001]},
        cv=ClassSplitCV(3, pretrain_classes=GTE5),
    ).fit(*fashion)
