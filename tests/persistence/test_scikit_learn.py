"""Pipelines and searches: what fit learned is there, and they can be fitted again."""

import sys

import numpy as np
import pytest
from joblib import Memory
from numpy.testing import assert_array_equal
from scipy import stats
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from skfashion import BackboneFeatures, Recipe, TransferClassifier, load, save
from skfashion._persistence import scikit_learn
from skfashion.model_selection import ClassSplitCV, target_scorer
from tests.class_split import GTE5
from tests.residual import RESIDUAL


def features(layer="conv1"):
    return BackboneFeatures(layer=layer, random_state=0)


@pytest.fixture
def saved(tmp_path):
    def saved(estimator):
        save(estimator, tmp_path / "a.skf")
        return load(tmp_path / "a.skf", backbones=[RESIDUAL])

    return saved


def assert_equal_results(found, expected):
    """Compare the tables of two searches, with the types and masks of their columns."""
    assert found.keys() == expected.keys()
    for name, column in expected.items():
        assert type(found[name]) is type(column)
        if isinstance(column, np.ndarray):
            assert found[name].dtype == column.dtype
            assert_array_equal(np.ma.getmask(found[name]), np.ma.getmask(column))
        assert str(found[name]) == str(column)


SEARCHES = {
    "grid over backbones on a class split": lambda make: GridSearchCV(
        make(pretrain_classes=GTE5, pretrain_epochs=0, epochs=0),
        {"backbone": [RESIDUAL, "small_cnn"], "recipe": [Recipe(warmup=0.1), None]},
        cv=ClassSplitCV(2, pretrain_classes=GTE5),
        scoring=target_scorer("f1_macro"),
    ),
    "random": lambda make: RandomizedSearchCV(
        make(epochs=0),
        {"learning_rate": stats.loguniform(1e-4, 0.1), "batch_size": stats.randint(8, 64)},
        n_iter=2,
        cv=StratifiedKFold(2, shuffle=True, random_state=0),
        scoring=["accuracy", "neg_log_loss"],
        refit="accuracy",
        random_state=0,
    ),
    "halving": lambda make: HalvingGridSearchCV(
        make(epochs=0), {"learning_rate": np.array([0.001, 0.01])}, cv=2, random_state=0
    ),
    "grid over steps": lambda make: GridSearchCV(
        make_pipeline(features(), PCA(2), LogisticRegression()),
        [{"pca": [PCA(3), "passthrough"]}, {"backbonefeatures": [features("conv2"), features()]}],
        cv=2,
    ),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_searches(saved, make, fashion, name):
    X, y = fashion
    search = SEARCHES[name](make).fit(X, y)
    loaded = saved(search)
    assert_array_equal(loaded.predict_proba(X), search.predict_proba(X))
    assert_equal_results(loaded.cv_results_, search.cv_results_)
    assert str(loaded.best_params_) == str(search.best_params_)
    assert vars(loaded).keys() == vars(search).keys()
    assert loaded.score(X[y < 5], y[y < 5]) == search.score(X[y < 5], y[y < 5])
    assert_array_equal(loaded.fit(X, y).predict_proba(X), search.predict_proba(X))


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(
            FeatureUnion([("one", features()), ("two", features("conv2"))]), SelectKBest(k=9), SVC()
        ),
        make_pipeline(
            FunctionTransformer(),
            ColumnTransformer([("all", features(), slice(0, 196))]),
            LogisticRegression(),
        ),
        VotingClassifier(
            [("one", make_pipeline(features(), SVC())), ("two", TransferClassifier(epochs=0))],
        ),
    ],
    ids=["union", "columns", "voting"],
)
def test_estimators_inside_of_others(saved, lt5, estimator):
    X, y = lt5
    X = X.reshape(len(X), -1)
    estimator.fit(X, y)
    before = estimator.predict(X)
    loaded = saved(estimator)
    assert_array_equal(loaded.predict(X), before)
    # The estimator that is saved is not changed.
    assert_array_equal(estimator.predict(X), before)


def test_the_output_that_a_pipeline_was_set_to_is_kept(saved, lt5):
    X, y = lt5
    pipeline = make_pipeline(features(), PCA(2), LogisticRegression())
    pipeline.set_output(transform="pandas").fit(X, y)
    loaded = saved(pipeline)
    # A step that gets an array instead of a frame warns about missing names.
    assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))
    assert loaded[0].transform(X[:2]).equals(pipeline[0].transform(X[:2]))


def test_an_estimator_that_occurs_twice_is_one_object(saved, lt5):
    X, y = lt5
    voting = VotingClassifier([("one", TransferClassifier(epochs=0))]).fit(X, y)
    loaded = saved(voting)
    assert loaded.named_estimators_["one"] is loaded.estimators_[0]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (FunctionTransformer(lambda X: X), "cannot be saved by skops|not trusted"),
        (TransferClassifier(memory=Memory(None)), "params/memory is of type Memory"),
    ],
    ids=["function", "memory"],
)
def test_steps_that_cannot_be_saved(saved, step, message):
    with pytest.raises(TypeError, match=message):
        saved(make_pipeline(features(), step))


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
def test_trees_of_neighbours_are_refused_with_a_remedy(saved, lt5, algorithm):
    X, y = lt5
    pipeline = make_pipeline(features(), KNeighborsClassifier(algorithm=algorithm)).fit(X, y)
    with pytest.raises(TypeError, match=r"not trusted in files: .*Tree'\].*pickle it for files"):
        saved(pipeline)


def test_what_load_would_refuse_is_not_saved(saved, tmp_path, monkeypatch):
    """Each number in a list is an object of skops, and one in an array is not."""
    monkeypatch.setattr(scikit_learn, "_MOST_SCHEMA_BYTES", 2**17)
    rows = np.arange(1000)
    folds = GridSearchCV(TransferClassifier(), {"epochs": [1]}, cv=[(rows, rows[:1])])
    assert_array_equal(saved(folds).cv[0][0], rows)
    content = (tmp_path / "a.skf").read_bytes()
    folds.cv = [(rows.tolist(), [0])]
    message = r"^GridSearchCV .* schema\.json is larger than 131072 bytes\. Use arrays in place"
    with pytest.raises(ValueError, match=message):
        saved(folds)
    assert (tmp_path / "a.skf").read_bytes() == content


def test_without_skops_the_error_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "a.skf"
    save(make_pipeline(features(), SVC()), path)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "skfashion\[skops\]"'):
        save(make_pipeline(features(), SVC()), path)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "skfashion\[skops\]"'):
        load(path)


def test_classes_of_users_are_refused_when_saving(saved):
    class Mine(TransferClassifier):
        pass

    message = "^Mine is a class derived from TransferClassifier, and files hold no code"
    for estimator in (Mine(), make_pipeline(Mine())):
        with pytest.raises(TypeError, match=message):
            saved(estimator)


@pytest.mark.parametrize(
    "weights",
    [
        {False: 5.0, True: 1.0},
        {np.False_: 5.0, np.True_: 1.0},
        {0: 5.0, 1: 1.0},
        {"a": 5.0, "b": 1.0},
    ],
    ids=["bool", "NumPy bool", "int", "str"],
)
def test_keys_of_dicts_keep_their_types(saved, weights):
    pipeline = make_pipeline(features(), LogisticRegression(class_weight=weights))
    grid = GridSearchCV(pipeline, {"logisticregression__class_weight": [weights, None]})
    assert saved(pipeline)[-1].class_weight == weights
    found = saved(grid).param_grid["logisticregression__class_weight"][0]
    assert (found, [*map(type, found)]) == (weights, [*map(type, weights)])
