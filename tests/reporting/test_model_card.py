"""The model card: what the page says, and that what it says is so."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skfashion
from skfashion import BackboneFeatures, Recipe, TransferClassifier, model_card
from skfashion._reporting.facts import format_parameter
from tests.programs import run_program
from tests.reporting.conftest import HOSTILE
from tests.reporting.pages import Page
from tests.residual import RESIDUAL


@pytest.fixture(scope="module")
def probe(images):
    X, y = images
    return make_pipeline(
        BackboneFeatures(layer="conv1", random_state=0), LogisticRegression(C=0.5, max_iter=1000)
    ).fit(X, y)


@pytest.fixture(scope="module")
def search(images, make):
    pipeline = make_pipeline(FunctionTransformer(), make())
    grid = {"transferclassifier__epochs": [1, 2]}
    X, y = images
    return GridSearchCV(pipeline, grid, cv=2).fit(X, y % 2)


# -- What the page says ------------------------------------------------------------------------


def test_a_class_split(fitted, fashion_test):
    X, y = fashion_test
    page = Page(str(fitted.card(X, y, class_names={0: "shirt", 7: "Sneaker"})))
    assert page.headings == [
        "Image classifier (small_cnn)",
        *("Model", "Classes", "Input", "Training", "Evaluation", "Parameters", "Use", "Versions"),
    ]
    facts = page.facts
    assert facts["backbone"] == "small_cnn"
    assert facts["weights at the start"] == "random"
    assert facts["frozen until"] == "features"
    assert facts["frozen parameters"] == f"{fitted.n_frozen_params_:,}"
    assert facts["trained parameters"] == f"{fitted.n_trainable_params_:,}"
    assert facts["epochs on the source task"] == "1"
    assert facts["epochs"] == "2"
    assert facts["batch size"] == str(fitted.batch_size_)
    assert facts["loss in the last epoch"] == f"{fitted.history_['loss'][-1]:.3f}"
    assert facts["image"] == "14 x 14 pixels, 1 channel (grey)"
    assert facts["X"] == "(n, 14, 14), or flat rows, (n, 196)"
    assert facts["X of files"] == "n paths, decoded and resized with resize='crop'"
    assert facts["pixels"] == "0 (black) to 255 (white)"
    assert facts["pretrain_classes"] == "[5, 6, 7, 8, 9]"
    assert facts["skfashion"] == skfashion.__version__
    classes = page.table("class", "label")
    assert classes[0] == ["shirt", "0", "0", "no"]
    assert classes[4] == ["4", "4", "4", "no"]
    assert classes[7] == ["Sneaker", "7", "not predicted", "yes"]


def test_scores_are_those_of_score(fitted, fashion_test):
    X, y = fashion_test
    card = fitted.card(X, y)
    n_target = int((y < 5).sum())
    n_right = round(fitted.score(X, y) * n_target)
    facts = Page(str(card)).facts
    assert facts["accuracy"] == f"{fitted.score(X, y):.3f} ({n_right} of {n_target})"
    left_out = f"{len(y) - n_target} images outside the target task were left out."
    assert left_out in card.sections["Evaluation"]
    predicted = fitted.predict(X)
    for label, row in enumerate(Page(str(card)).table("class", "precision")):
        recall = (predicted[y == label] == label).mean()
        assert (row[0], row[2], row[4]) == (str(label), f"{recall:.3f}", "10")


def test_a_page_without_data_has_no_scores(fitted):
    card = fitted.card(title="Clothes | bags", file="folder/clothes.skf")
    page = Page(str(card))
    assert page.headings[0] == "Clothes | bags"
    assert "Evaluation" not in page.headings
    assert (page.pictures, card.pictures) == ([], {})
    assert "skfashion.load('clothes.skf')" in page.code[0][1]
    assert "folder" not in str(card)


def test_a_pipeline_of_features_and_a_classifier(probe, images):
    X, y = images
    page = Page(str(model_card(probe, X, y)))
    facts = page.facts
    assert facts["step"] == "backbonefeatures"
    assert facts["layer of the features"] == "conv1"
    assert facts["features of an image"] == str(probe[0].transform(X[:1]).shape[1])
    assert facts["backbonefeatures__layer"] == "'conv1'"
    assert facts["logisticregression"] == "LogisticRegression"
    assert facts["logisticregression__C"] == "0.5"
    assert facts["accuracy"].startswith(f"{probe.score(X, y):.3f}")
    assert "Training" not in page.headings
    assert "tensorflow,skops" in str(model_card(probe))


def test_a_search_describes_its_best_estimator(search, images):
    X, y = images
    page = Page(str(model_card(search, X, y % 2)))
    best = search.best_params_["transferclassifier__epochs"]
    assert page.facts["search"] == "GridSearchCV"
    assert page.facts["candidates"] == page.facts["folds"] == "2"
    assert page.facts["best transferclassifier__epochs"] == str(best)
    assert page.facts["epochs"] == str(best)
    assert page.facts["accuracy"].startswith(f"{search.score(X, y % 2):.3f}")
    assert "take" in model_card(search).sections["Input"].splitlines()[0]


def test_features_alone_and_two_networks(images):
    X, y = images
    features = BackboneFeatures(random_state=0).fit(X)
    page = Page(str(features.card()))
    assert page.headings[0] == "Image features (small_cnn)"
    assert not {"Classes", "Training"} & set(page.headings)
    union = FeatureUnion([("left", features), ("right", BackboneFeatures(layer="conv1"))])
    tables = Page(str(model_card(union.fit(X)))).tables
    steps = [dict(table[1:]).get("step") for table in tables if len(table[0]) == 2]
    assert steps[:2] == ["left", "right"]
    with pytest.raises(TypeError, match="FeatureUnion is not one"):
        model_card(union, X, y)


BESIDE = "The step backbonefeatures takes these images. Other steps take the same input."


@pytest.mark.parametrize(
    ("estimator", "first_line"),
    [
        (make_union(PCA(2), BackboneFeatures()), BESIDE),
        (make_union("drop", BackboneFeatures()), "| property | value |"),
        (make_union(BackboneFeatures(), BackboneFeatures(layer="conv1")), "| property | value |"),
        (
            make_union(make_pipeline(StandardScaler(), BackboneFeatures()), BackboneFeatures()),
            BESIDE,
        ),
        (
            make_pipeline(make_union(PCA(64), "drop"), BackboneFeatures()),
            "Other steps come before the step backbonefeatures, which takes these images.",
        ),
    ],
    ids=["parallel", "dropped", "two networks", "scaled and not", "after a union"],
)
def test_steps_before_a_network_are_not_those_beside_it(images, estimator, first_line):
    X = np.concatenate([images[0], images[0][:32]]).reshape(80, 64)
    estimator.fit(X)
    card = model_card(estimator)
    assert card.sections["Input"].splitlines()[0] == first_line


def test_the_candidates_of_a_halving_search_are_counted_once(images):
    X, y = images
    pipeline = make_pipeline(BackboneFeatures(random_state=0), LogisticRegression(max_iter=9))
    grid = {"logisticregression__C": [1e-4, 1e-3, 1e-2, 0.1]}
    search = HalvingGridSearchCV(pipeline, grid, cv=2, factor=2, min_resources=24, random_state=0)
    search.fit(X, y % 2)
    assert len(search.cv_results_["params"]) == 6
    assert Page(str(model_card(search))).facts["candidates"] == "4"


def test_layers_are_listed(images):
    features = BackboneFeatures(layer=["conv1", "conv2"], random_state=0).fit(images[0])
    facts = [row for table in Page(str(features.card())).tables for row in table if len(row) == 2]
    assert dict(facts)["layer of the features"] == "conv1, conv2"


def test_weights_of_a_file_and_folders_stay_private(body_path, lt5, make, tmp_path):
    clf = make(weights=body_path, memory=str(tmp_path), random_state=0, epochs=1).fit(*lt5)
    page = str(clf.card(file=tmp_path / "model.skf"))
    facts = Page(page).facts
    assert facts["weights at the start"] == f"file {body_path.name}"
    assert facts["weights"] == repr(body_path.name)
    assert facts["memory"] == repr(tmp_path.name)
    assert str(tmp_path.parent) not in page
    assert str(body_path.parent) not in page


def test_folders_in_values_of_parameters_stay_private(body_path, images, tmp_path):
    X, y = images
    step = BackboneFeatures(weights=str(body_path), memory=tmp_path, random_state=0)
    pipeline = make_pipeline("passthrough", LogisticRegression(max_iter=9))
    grid = {"passthrough": [make_union(step)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y % 2)
    page = str(model_card(search))
    shown = (
        f"BackboneFeatures(memory={tmp_path.name!r}, random_state=0, weights={body_path.name!r})"
    )
    assert Page(page).facts["best passthrough"] == (
        f"FeatureUnion(transformer_list=[('backbonefeatures', {shown})])"
    )
    assert str(tmp_path.parent) not in page
    assert str(body_path.parent) not in page


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((value, repr(value)) for value in ([], (1,), (1, "a"), {"a": [None]}, {1: ()}, PCA(2))),
        (Recipe(warmup=0.1, momentum=0.9), "Recipe(momentum=0.9, warmup=0.1)"),
        (
            {"weights": "a/b", "other": "a/b", Path("a/b"): 1},
            "{'weights': 'b', 'other': 'a/b', 'b': 1}",
        ),
        ([Path("a/b"), "a/b"], "['b', 'a/b']"),
        (PCA, repr(PCA)),
    ],
    ids=str,
)
def test_values_of_parameters_are_code_without_folders(value, shown):
    assert format_parameter("step__x", value) == shown


def test_official_weights_have_their_hash():
    from skfashion._backbones.registry import get_backbone
    from skfashion._reporting.facts import _describe_weights

    official = get_backbone("vgg16").official
    described = _describe_weights("imagenet", get_backbone("vgg16"))
    assert official.file_name in described
    assert described.endswith(f"MD5 {official.file_hash}")
    assert "MD5" not in _describe_weights("imagenet", get_backbone("mobilenet_v2"))


def test_a_backbone_of_the_user_is_named(images):
    X, _ = images
    features = BackboneFeatures(RESIDUAL, random_state=0).fit(X)
    assert f"{RESIDUAL.name} does not come with skfashion" in features.card().sections["Use"]


def test_values_that_an_epoch_lacks_are_no_facts(make, small):
    X, y = small
    clf = make(epochs=1).fit(X, y, X_val=X, y_val=y)
    assert "validation accuracy in the last epoch" in clf.card().sections["Training"]
    training = clf.partial_fit(X, y).card().sections["Training"]
    assert "validation accuracy" not in training
    assert "| accuracy in the last epoch |" in training
    assert "nan" not in training


# -- Labels and names --------------------------------------------------------------------------


def test_names_are_text_whatever_they_are(hostile):
    clf, X, labels = hostile
    page = Page(str(clf.card(X, labels, title=HOSTILE[0], file=HOSTILE[1])))
    assert not page.kinds & {"html_inline", "html_block", "link_open", "em_open", "strong_open"}
    assert "s_open" not in page.kinds
    assert page.pictures == ["confusion_matrix.png"]
    assert page.headings[0] == HOSTILE[0]
    assert len(page.headings) == 9
    assert len(page.code) == 1
    shown = {" ".join(name.split()) for name in HOSTILE}
    assert {row[0] for row in page.table("class", "precision")} == shown
    assert [row[0] for row in page.table("label")] == [repr(each) for each in sorted(HOSTILE)]


@pytest.mark.parametrize(
    "labels",
    [
        [True, False],
        [-1, 3],
        [0.0, 2.0],
        np.array(["2020-01-01", "2021-01-01"], "datetime64[ns]"),
        np.array([1, 2], "timedelta64[D]"),
        np.array(["a", "bc"], object),
    ],
    ids=lambda labels: str(np.asarray(labels).dtype),
)
def test_labels_of_any_type(labels, images, make):
    X, y = images
    y = np.asarray(labels)[y % 2]
    clf = make(epochs=1).fit(X, y)
    page = Page(str(clf.card(X, y)))
    assert page.facts["accuracy"].startswith(f"{clf.score(X, y):.3f}")
    shown = [row[0] for row in page.table("label")]
    namespace = {"np": np}
    assert_array_equal([eval(each, namespace) for each in shown], clf.classes_)


@pytest.mark.parametrize("kind", [float, bool, "u1"])
def test_labels_of_another_type_have_the_names_of_the_classes(images, make, kind):
    X, y = images
    y = y % 2
    clf = make(epochs=1).fit(X, y)
    for names in (None, ["even", "odd"], {0: "even"}):
        expected = str(clf.card(X, y, class_names=names))
        assert str(clf.card(X, y.astype(kind), class_names=names)) == expected


@pytest.mark.parametrize(
    ("label", "names"), [(12, ["0", "1", "12"]), (2**40, ["0.0", "1.0", "1099511627776.0"])]
)
def test_a_label_of_another_type_may_be_no_class(images, make, label, names):
    X, y = images
    clf = make(epochs=1).fit(X, (y % 2).astype("u1"))
    page = Page(str(clf.card(X, np.where(y == 5, float(label), y % 2))))
    assert [row[0] for row in page.table("class", "precision")] == names


def test_classes_that_the_model_does_not_know_are_named(hostile):
    clf, X, labels = hostile
    text = clf.card(X, np.where(labels == "accuracy", "*new*", labels)).sections["Evaluation"]
    assert r"does not predict \*new\*: all images of these count as mistakes." in text


# -- Invalid input -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator",
    [
        TransferClassifier(),
        BackboneFeatures(),
        make_pipeline(StandardScaler(), TransferClassifier()),
        GridSearchCV(TransferClassifier(), {"epochs": [1]}),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_an_estimator_that_is_not_fitted(estimator):
    with pytest.raises(NotFittedError):
        model_card(estimator)


def test_estimators_of_others_and_half_of_the_data(fitted, hostile, probe, images):
    X, y = images
    clf, *_ = hostile
    with pytest.raises(TypeError, match=r"must be a fitted TransferClassifier .* got Standard"):
        model_card(StandardScaler().fit(X.reshape(48, -1)))
    with pytest.raises(ValueError, match="X was passed without y"):
        fitted.card(X)
    with pytest.raises(ValueError, match="y was passed without X"):
        fitted.card(y=y)
    with pytest.raises(ValueError, match="labels of type <U"):
        model_card(probe, X, y.astype(str))
    with pytest.raises(ValueError, match="class_names must be a dict"):
        clf.card(class_names=["shirt", "trouser"])


# -- The code of the page ----------------------------------------------------------------------


def code_of(card):
    ((language, code),) = Page(str(card)).code
    assert language == "python"
    return code


@pytest.mark.slow
def test_the_code_runs_in_another_process(fitted, tmp_path):
    fitted.save(tmp_path / "clothes.skf")
    code = code_of(fitted.card(file=tmp_path / "clothes.skf"))
    printed = run_program(code, folder=tmp_path).stdout
    black = np.zeros((1, 14, 14), np.uint8)
    assert printed.strip() == str(fitted.predict(black))


def test_the_code_fits_what_the_estimator_takes(probe, images, make, tmp_path, monkeypatch, capsys):
    X, y = images
    monkeypatch.chdir(tmp_path)
    rows = X.reshape(48, 64)
    fitted = {
        "dark.skf": make(epochs=1, pixel_range=(255, 0)).fit(X, y),
        "probe.skf": probe,
        "scaled.skf": make_pipeline(StandardScaler(), make(epochs=1)).fit(rows, y),
        "union.skf": make_union(PCA(2), BackboneFeatures(random_state=0)).fit(rows),
        "padded.skf": BackboneFeatures(random_state=0).fit(rows[:, :30]),
        "colour.skf": BackboneFeatures(random_state=0).fit(np.stack([X / 255] * 3, axis=-1)),
    }
    for file, estimator in fitted.items():
        skfashion.save(estimator, file)
        exec(code_of(model_card(estimator, file=file)), {})
        assert capsys.readouterr().out


def test_a_loaded_estimator_has_the_same_page(fitted, fashion_test, tmp_path):
    fitted.save(tmp_path / "model.skf")
    loaded = skfashion.load(tmp_path / "model.skf")
    assert str(loaded.card(*fashion_test)) == str(fitted.card(*fashion_test))
