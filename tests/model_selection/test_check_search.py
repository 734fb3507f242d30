"""Candidates that cannot be are found before anything trains, and all that can be pass."""

import numpy as np
import pytest
from scipy.stats import loguniform, randint, uniform
from sklearn.compose import ColumnTransformer
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from skfashion import BackboneFeatures, Recipe, TransferClassifier
from skfashion.model_selection import ClassSplitCV, check_search, freeze_points
from tests.class_split import GTE5, LT5
from tests.programs import run_program

BACKBONES = ["small_cnn", "vgg16", "mobilenet_v2"]
MIXED = {"backbone": ["small_cnn", "vgg16"], "freeze_until": [0, "conv1", "features"]}


@pytest.mark.parametrize(
    "grid",
    [
        freeze_points(BACKBONES, head=True),
        {"backbone": BACKBONES, "freeze_until": [0, 1, -1, None, "auto", "features", "dense"]},
        {"backbone": ["small_resnet"], "freeze_until": freeze_points("small_resnet", head=True)},
        {"freeze_until": ["pool", "flatten"], "epochs": [1, 2]},
        {"pretrain_classes": [GTE5, GTE5[:3]], "target_classes": [LT5]},
        {"body_until": ["auto", None, 1, -1, "conv2"], "head_init": ["auto", "random", "probe"]},
        {"body_until": ["conv1"], "freeze_until": [0, "conv1", -1, 1, "features", "dense"]},
    ],
)
def test_what_can_be_passes(grid, fashion):
    search = GridSearchCV(TransferClassifier(), grid)
    assert check_search(search) is search
    assert check_search(search, *fashion) is search


@pytest.mark.parametrize(
    ("grid", "reason"),
    [
        (MIXED, r"1 of 6 .*\n- .*'vgg16', .*'conv1'.*: freeze_until='conv1' is not one of"),
        ({"freeze_until": [1, 3]}, "freeze_until=3 is out of range"),
        ({"freeze_until": ["conv1", "output"]}, "leaves nothing to train"),
        ({"freeze_until": ["dense"], "hidden_units": [0, 16]}, "1 of 2 .*\n.*'dense' is not"),
        ({"backbone": ["vgg"]}, "Did you mean 'vgg16'"),
        ({"backbone": ["inception_v3"], "input_size": [32, 96]}, "input_size=32 is smaller"),
        ({"weights": ["nowhere.h5", None]}, "there is no such file"),
        ({"weights": ["imagenet"], "backbone": ["small_resnet"]}, "has no official weights"),
        ({"learning_rate": [0.1, -1]}, "'learning_rate' parameter .* must be"),
        ({"recipe__mixup": [-1, 0.2]}, "1 of 2 .*\n.*'mixup' parameter of Recipe must be"),
        (
            {"recipe__momentum": [0.9], "optimizer": ["sgd", "adam"]},
            "1 of 2 .*only optimizer='sgd'",
        ),
        ({"augmentation": ["flipp"]}, "Did you mean 'flip'"),
        ({"memory": ["m"], "memory_limit": ["much"]}, "is not a number of bytes"),
        ({"epoch": [1]}, "Invalid parameter 'epoch'"),
        ({"output_layer": ["keep", "new"], "pretrain_classes": [[8, 9]]}, "1 of 2 .*\n.*the same"),
        ({"pretrain_classes": [GTE5, [9, 10]]}, r"1 of 2 .*\n.*labels that y lacks: \[10\]"),
        ({"class_weight": [{11: 2.0}]}, "class_weight names labels that y lacks"),
        ({"image_shape": [(7, 7)]}, "is not the shape of the images"),
        ({"body_until": ["conv3", "conv1", 2]}, "1 of 3 .*\n.*body_until='conv3' is not one of"),
        ({"body_until": [0, -1, None]}, "1 of 3 .*\n.*body_until=0 leaves no stage"),
        (
            {"body_until": ["conv1"], "freeze_until": ["conv1", "conv2"]},
            "1 of 2 .*\n.*freeze_until='conv2' is after the end",
        ),
        ({"body_until": ["conv1"], "freeze_until": ["pool"]}, "freeze_until='pool' is not one of"),
        ({"head_init": ["probe", "prob"]}, "1 of 2 .*\n.*'head_init' parameter .* must be"),
        (
            {"head_init": ["auto", "probe"], "output_layer": ["keep"]},
            '1 of 2 .*\n.*head_init="probe" starts',
        ),
        ({"epochs": ["auto", "all"], "batch_size": ["auto", 8]}, "2 of 4 .*\n.*'epochs' param"),
    ],
)
def test_what_cannot_be_is_named_with_its_reason(grid, reason, fashion):
    search = GridSearchCV(TransferClassifier(), grid)
    with pytest.raises(ValueError, match=f"(?s){reason}"):
        check_search(search, *fashion)
    piped = Pipeline([("same", FunctionTransformer()), ("clf", TransferClassifier())])
    search = GridSearchCV(piped, {f"clf__{name}": values for name, values in grid.items()})
    if "image_shape" not in grid:  # nobody knows what the first step makes of X
        with pytest.raises(
            ValueError, match=r"candidates would fail or be scored wrongly:\n- {'clf__"
        ):
            check_search(search, *fashion)


def test_tasks_are_known_without_y_where_both_are_given():
    grid = {"pretrain_classes": [[7, 8, 9], [8, 9]], "output_layer": ["keep"]}
    check_search(GridSearchCV(TransferClassifier(), grid))
    with pytest.raises(ValueError, match="1 of 2 candidates"):
        check_search(GridSearchCV(TransferClassifier(target_classes=[0, 1]), grid))


def test_class_weights_are_checked_where_y_is_given(fashion):
    """Labels of neither task may have a weight; without y they are unknown."""
    clf = TransferClassifier(pretrain_classes=[8, 9], target_classes=[0, 1])
    check_search(GridSearchCV(clf, {"class_weight": [{5: 2.0}]}))
    check_search(GridSearchCV(clf, {"class_weight": [{5: 2.0}]}), *fashion)
    with pytest.raises(ValueError, match=r"1 of 2 .*\n.*class_weight names labels that y lacks"):
        check_search(GridSearchCV(clf, {"class_weight": [{5: 2.0}, {11: 2.0}]}), *fashion)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda y: y.astype(object), "Unknown label type: unknown"),
        (lambda y: y + 0.5, "Unknown label type: continuous"),
        (lambda y: np.eye(10)[y], "1d array with one label for each row"),
        (lambda y: [None, *y[1:].tolist()], "has no label in row 0"),
        (lambda y: np.r_[np.nan, y[1:]], "y contains NaN"),
    ],
    ids=["objects", "continuous", "one-hot", "none", "nan"],
)
def test_labels_that_fit_refuses(change, reason, fashion):
    X, y = fashion[0], change(fashion[1])
    search = GridSearchCV(TransferClassifier(), {"epochs": [1, 2]})
    with pytest.raises(ValueError, match=f"(?s)2 of 2 .*{reason}"):
        check_search(search, X, y)
    with pytest.raises(ValueError, match=reason):
        TransferClassifier().fit(X, y)


def test_labels_that_only_other_estimators_take(fashion):
    X, y = fashion
    features = Pipeline([("features", BackboneFeatures()), ("last", Ridge())])
    check_search(GridSearchCV(features, {"last__alpha": [1.0]}), X, y + 0.5)
    either = {"last": [KNeighborsClassifier(), TransferClassifier()]}
    features.set_params(last=KNeighborsClassifier())
    with pytest.raises(ValueError, match=r"1 of 2 .*\n.*TransferClassifier.*: y must be a 1d"):
        check_search(GridSearchCV(features, either), X, np.eye(10, dtype=int)[y])


def test_channels_are_checked_where_x_is_given(fashion):
    X = fashion[0][..., None].repeat(2, axis=-1)
    search = GridSearchCV(TransferClassifier(), {"backbone": ["small_cnn", "vgg16"]})
    check_search(search)
    with pytest.raises(ValueError, match=r"1 of 2 .*\n.*takes images with 1 channel or 3"):
        check_search(search, X)


def test_many_candidates_make_a_short_message():
    grid = {"freeze_until": [f"layer{n}" for n in range(50)], "epochs": list(range(40))}
    with pytest.raises(
        ValueError, match="2000 of 2000 candidates would fail or be scored wrongly"
    ) as caught:
        check_search(GridSearchCV(TransferClassifier(), grid))
    message = str(caught.value)
    assert "and 39 more" in message
    assert "and for 40 more reasons" in message
    assert len(message) < 8000


@pytest.mark.parametrize(
    "search",
    [
        RandomizedSearchCV(TransferClassifier(), MIXED, n_iter=6, random_state=0),
        RandomizedSearchCV(TransferClassifier(), MIXED, n_iter=2),
        HalvingGridSearchCV(TransferClassifier(), MIXED, resource="epochs", max_resources=4),
        HalvingRandomSearchCV(TransferClassifier(), MIXED, resource="epochs", max_resources=4),
    ],
    ids=lambda search: type(search).__name__,
)
def test_every_kind_of_search(search):
    with pytest.raises(ValueError, match="freeze_until='conv1' is not one of"):
        check_search(search)


@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores"
)
def test_distributions_are_drawn_from_as_the_search_will(make, lt5):
    space = {"dropout": uniform(0, 1.2), "freeze_until": ["conv1", "features"]}
    search = RandomizedSearchCV(make(epochs=0), space, n_iter=4, cv=2, random_state=1)
    with pytest.raises(ValueError, match="'dropout' parameter") as caught:
        check_search(search)
    search.fit(*lt5)
    failed = [value for value in search.cv_results_["param_dropout"] if value >= 1]
    assert str(caught.value).startswith(f"{len(failed)} of 4 candidates")
    assert all(f"{value!r}" in str(caught.value) for value in failed)


def test_what_distributions_will_give_cannot_be_known_without_a_seed():
    space = {"learning_rate": loguniform(1e-4, 1e-1), "freeze_until": ["conv1", "features"]}
    check_search(RandomizedSearchCV(TransferClassifier(), space, random_state=0))
    search = RandomizedSearchCV(TransferClassifier(), space)
    with pytest.warns(UserWarning, match=r"\['learning_rate'\]: random_state=None") as record:
        check_search(search)
    assert record[0].filename == __file__


def test_a_distribution_replaces_the_value_of_the_estimator():
    """Without a hidden layer, which the drawn candidates have, there is no layer "dense"."""
    space = {"hidden_units": randint(8, 64), "freeze_until": ["dense"]}
    search = RandomizedSearchCV(TransferClassifier(hidden_units=0), space)
    with pytest.warns(UserWarning, match=r"will draw for \['hidden_units'\]"):
        assert check_search(search) is search


def test_lists_are_checked_if_another_space_has_a_distribution():
    spaces = [{"learning_rate": loguniform(1e-4, 1e-1)}, {"learning_rate": [0.1, -1]}]
    with pytest.raises(ValueError, match=r"1 of 3 .*\n- {'learning_rate': -1}"):
        check_search(RandomizedSearchCV(TransferClassifier(), spaces))


def test_number_of_candidates_that_depends_on_the_data():
    space = {"learning_rate": loguniform(1e-4, 1e-1)}
    search = HalvingRandomSearchCV(TransferClassifier(), space, random_state=0)
    with pytest.warns(
        UserWarning, match="n_candidates='exhaust' the number .* to an int"
    ) as record:
        check_search(search)
    assert "random_state" not in str(record[0].message)
    check_search(search.set_params(n_candidates=4))


def test_other_steps_and_classifiers_of_a_grid():
    pipe = Pipeline([("features", BackboneFeatures()), ("clf", LogisticRegression())])
    grid = {
        "features__backbone": ["small_cnn", "resnet50"],
        "features__layer": [1, "conv1", "pool", 0],
        "clf__C": [1.0, -1.0],
    }
    with pytest.raises(ValueError, match="12 of 16 candidates") as caught:
        check_search(GridSearchCV(pipe, grid))
    for reason in ("layer=0 is not a stage", "layer='pool' is not one of", "'C' parameter"):
        assert reason in str(caught.value)
    union = make_pipeline(make_union(BackboneFeatures()), LogisticRegression())
    layers = {"featureunion__backbonefeatures__layer": [1, "nope"]}
    with pytest.raises(ValueError, match=r"1 of 2 candidates.*\n.*layer='nope' is not one of"):
        check_search(GridSearchCV(union, layers))
    either = Pipeline([("clf", SVC())])
    check_search(GridSearchCV(either, {"clf": [SVC(), TransferClassifier()]}))


def test_no_search():
    with pytest.raises(TypeError, match=r"checks a GridSearchCV.* got TransferClassifier"):
        check_search(TransferClassifier())


def test_stages_are_checked_without_tensorflow():
    program = """
    import sys
    from sklearn.model_selection import GridSearchCV
    from skfashion import TransferClassifier
    from skfashion.model_selection import check_search, freeze_points
    search = GridSearchCV(TransferClassifier(), freeze_points(["vgg16", "resnet50"]), cv=2)
    check_search(search)
    check_search(search, y=[0, 1] * 4)
    print("tensorflow" in sys.modules)
    """
    assert run_program(program).stdout == "False\n"


def test_steps_of_each_candidate_decide_whether_shapes_are_known():
    pipeline = Pipeline([("first", "passthrough"), ("clf", TransferClassifier("vgg16"))])
    two_channels = np.zeros((4, 32, 32, 2), "uint8")
    last = FunctionTransformer(lambda X: X[..., :1])
    check_search(GridSearchCV(pipeline, {"first": [last]}), two_channels)
    with pytest.raises(ValueError, match=r"(?s)1 of 2 .* 1 channel or 3, but those in X have 2"):
        check_search(GridSearchCV(pipeline, {"first": [last, "passthrough"]}), two_channels)


@pytest.mark.parametrize(
    ("step", "params", "reason"),
    [
        (
            BackboneFeatures("inception_v3"),
            {"input_size": [32, 96]},
            "(?s)1 of 2 .*input_size=32 is",
        ),
        (BackboneFeatures(), {"pixel_range": [(1, 1)]}, "pixel_range"),
        (
            ColumnTransformer([("images", BackboneFeatures(), "path")]),
            {"images__layer": ["nope"]},
            "layer='nope' is not one of",
        ),
    ],
    ids=["input_size", "pixel_range", "columns"],
)
def test_features_are_checked_wherever_they_are(step, params, reason):
    pipeline = Pipeline([("step", step), ("classifier", LogisticRegression())])
    grid = {f"step__{name}": values for name, values in params.items()}
    with pytest.raises(ValueError, match=reason):
        check_search(GridSearchCV(pipeline, grid))


def test_pixel_ranges_of_classifiers_are_checked():
    with pytest.raises(ValueError, match=r"1 of 2 candidates .*\n- .*pixel_range"):
        check_search(GridSearchCV(TransferClassifier(), {"pixel_range": [(0, 1), (1, 1)]}))


def test_large_products_of_lists_are_sampled():
    names = ("dropout", "feature_dropout", "learning_rate", "warmup", "tol", "validation_fraction")
    space = {name: np.linspace(0.01, 0.5, 20).tolist() for name in names}
    search = RandomizedSearchCV(TransferClassifier(), space, n_iter=20)
    with pytest.warns(UserWarning, match="lists of this search have 64,000,000 combinations"):
        assert check_search(search) is search
    space["dropout"].append(1.5)
    with (
        pytest.warns(UserWarning, match="have 67,200,000 combinations"),
        pytest.raises(ValueError, match=r"The 'dropout' parameter .* 1\.5"),
    ):
        check_search(search)


def test_a_recipe_and_its_options_may_both_be_searched():
    grid = {"recipe": [None, Recipe(mixup=0.2)], "recipe__weight_decay": [0.0, 0.05]}
    check_search(GridSearchCV(TransferClassifier(), grid))


class Halves:
    """A splitter as scikit-learn takes it, without anything else."""

    def split(self, X, y=None, groups=None):
        rows = np.arange(len(y))
        yield rows[::2], rows[1::2]

    def get_n_splits(self, X=None, y=None, groups=None):
        return 1


def test_a_class_split_around_a_plain_splitter(fashion):
    cv = ClassSplitCV(Halves(), pretrain_classes=GTE5)
    clf = TransferClassifier(pretrain_classes=GTE5)
    check_search(GridSearchCV(clf, {"epochs": [1]}, cv=cv), *fashion)
