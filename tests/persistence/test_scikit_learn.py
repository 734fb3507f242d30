"""Pipelines and searches: what fit learned is there, and they can be fitted again."""

import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib import Memory
from numpy.testing import assert_array_equal
from scipy import stats
from sklearn import config_context
from sklearn.callback import ProgressBar
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
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


def test_each_fault_of_an_archive_has_its_remedy(saved, lt5):
    X, y = lt5
    pipeline = make_pipeline(features(), LogisticRegression()).fit(X, y)
    pipeline[-1].sparsify()
    with pytest.raises(ValueError, match=r"parts that are archives\. Make sparse arrays dense, or"):
        saved(pipeline)


def test_callbacks_are_left_out_with_a_warning(saved):
    search = GridSearchCV(make_pipeline(features(), SVC()), {"svc__C": [1, 2]})
    search.set_callbacks(ProgressBar(max_propagation_depth=0))
    message = r"leaves out the attributes \['_skl_callbacks'\] of GridSearchCV: .*again"
    with pytest.warns(UserWarning, match=message):
        loaded = saved(search)
    assert loaded.param_grid == search.param_grid
    assert not hasattr(loaded, "_skl_callbacks")
    assert hasattr(search, "_skl_callbacks")


def test_metadata_requests_are_left_out_with_one_warning(saved):
    with config_context(enable_metadata_routing=True):
        step = LogisticRegression(C=2).set_fit_request(sample_weight=True)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
    search = GridSearchCV(make_pipeline(features(), step), {"memory": [None]}, scoring=scorer)
    message = r"\['_metadata_request'\] of LogisticRegression, _Scorer: "
    with pytest.warns(UserWarning, match=message) as warned:
        loaded = saved(search)
    assert len(warned) == 1
    assert loaded.estimator[-1].C == 2
    assert not hasattr(loaded.estimator[-1], "_metadata_request")
    assert type(loaded.scoring) is type(scorer)


def test_an_estimator_that_is_refused_has_no_warning(saved):
    pipeline = make_pipeline(features(), FunctionTransformer(lambda X: X))
    pipeline.set_callbacks(ProgressBar())
    with pytest.raises(TypeError, match=r"cannot be saved by skops|not trusted"):
        saved(pipeline)
    pipeline = make_pipeline(features().set_params(memory=joblib.Memory()), LogisticRegression())
    pipeline.set_callbacks(ProgressBar())
    pipeline[0].note = "left out"
    with pytest.raises(TypeError, match="Memory"):
        saved(pipeline)


def test_arrays_that_are_mapped_into_memory_are_saved(saved, lt5, tmp_path):
    X, y = lt5
    pipeline = make_pipeline(features(), LogisticRegression()).fit(X, y)
    joblib.dump(pipeline, tmp_path / "a.joblib")
    mapped = joblib.load(tmp_path / "a.joblib", mmap_mode="r")
    assert type(mapped[-1].coef_) is np.memmap
    loaded = saved(mapped)
    assert type(loaded[-1].coef_) is np.ndarray
    assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))


def test_a_list_that_contains_itself_is_an_error(saved):
    endless = []
    endless.append(endless)
    for estimator in (
        make_pipeline(features(), FunctionTransformer(kw_args={"a": endless})),
        TransferClassifier(target_classes=endless),
    ):
        with pytest.raises(TypeError, match="cannot be saved, because it holds a list, dict or"):
            saved(estimator)


@pytest.mark.parametrize(
    "grid",
    [
        {"freeze_until": range(3)},
        {"weights": [Path("a.h5"), None]},
        {"pretrain_classes": [frozenset({1, 2}), range(5, 10), {3, 4}]},
        [{"memory": (Path("a"), None)}, {"target_classes": [(range(2), frozenset("a"))]}],
    ],
    ids=str,
)
def test_grids_keep_the_types_of_values(saved, grid):
    found = saved(GridSearchCV(TransferClassifier(), grid)).param_grid
    assert repr(found) == repr(grid)


def test_a_recipe_that_fit_would_refuse_is_not_saved(saved):
    grid = {"recipe": [Recipe(), Recipe(weight_decay=-1)]}
    message = "GridSearchCV cannot be saved, .* 'weight_decay' parameter of Recipe .* -1.* valid"
    with pytest.raises(ValueError, match=message):
        saved(GridSearchCV(TransferClassifier(), grid))


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


@pytest.mark.parametrize(
    "value",
    [
        {True: "x", False: "y"},
        {1: 2.0, "1": 3.0},
        {None: [1], "null": {False: np.float32(2)}},
        {0.5: "a", (1, "b"): None},
        {np.int64(1): "a", np.str_("1"): range(2)},
        {frozenset({1}): Path("a")},
    ],
    ids=str,
)
def test_keys_of_dicts_keep_their_types_for_all_values(saved, value):
    pipeline = make_pipeline(features(), FunctionTransformer(kw_args={"a": value}))
    found = saved(pipeline)[-1].kw_args["a"]
    assert repr(found) == repr(value)


def test_a_dict_of_other_objects_that_skops_would_change_is_an_error(saved):
    steps = {True: PCA(), False: SVC()}
    pipeline = make_pipeline(features(), FunctionTransformer(kw_args={"a": steps}))
    with pytest.raises(TypeError, match=r"True is of type PCA, which files .* cannot hold"):
        saved(pipeline)
    for keys in ([0, 1], [0.5, 1.5], [np.int64(0), np.int64(1)], [np.str_("a"), np.str_("b")]):
        pipeline[-1].kw_args = {"a": {keys[0]: PCA(3), keys[1]: SVC()}}
        found = saved(pipeline)[-1].kw_args["a"]
        assert repr([*found]) == repr(keys)
        assert found[keys[0]].n_components == 3
