"""`TransferClassifier(recipe=...)`: searches, copies, notebooks, and flips in prediction."""

import pickle
from dataclasses import replace

import cloudpickle
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skfashion import Recipe, TransferClassifier, memory_report
from skfashion._backbones.registry import get_backbone
from skfashion._estimators.defaults import FEW_ROWS, FitSettings
from skfashion._estimators.phase_config import fine_tuning_config, fine_tuning_recipe
from tests.class_split import GTE5
from tests.residual import RESIDUAL

EVERYTHING = Recipe(
    weight_decay=0.05,
    label_smoothing=0.1,
    average=0.3,
    mixup=0.2,
    cutmix=1.0,
    batch_norm="inference",
    test_time_flips=True,
)


# -- Parameters --------------------------------------------------------------------------------


def test_its_options_are_parameters(make):
    clf = make(recipe=Recipe(weight_decay=0.1))
    assert clf.get_params()["recipe__weight_decay"] == 0.1
    assert "recipe__weight_decay" not in TransferClassifier().get_params()
    other = clone(clf).set_params(recipe__weight_decay=0.2, recipe__mixup=0.4)
    assert other.recipe == Recipe(weight_decay=0.2, mixup=0.4)
    assert clf.recipe == Recipe(weight_decay=0.1)
    with pytest.raises(ValueError, match="Invalid parameter 'decay' for estimator Recipe"):
        clf.set_params(recipe__decay=0.1)


def test_setting_an_option_begins_a_recipe():
    clf = TransferClassifier().set_params(recipe__mixup=0.2, epochs=3)
    assert (clf.recipe, clf.epochs) == (Recipe(mixup=0.2), 3)
    assert TransferClassifier().set_params(epochs=3).recipe is None
    clf = TransferClassifier(recipe=Recipe(mixup=0.4))
    assert clf.set_params(recipe=None, recipe__mixup=0.1).recipe == Recipe(mixup=0.1)
    clf = TransferClassifier()
    with pytest.raises(ValueError, match="Invalid parameter 'epoch'"):
        clf.set_params(epoch=3, recipe__mixup=0.1)
    assert clf.recipe is None


@pytest.mark.parametrize("recipe", [None, Recipe(label_smoothing=0.1)], ids=str)
def test_a_search_over_an_option_in_two_processes(make, lt5, recipe):
    grid = {"recipe__weight_decay": [0.0, 500.0]}
    search = GridSearchCV(make(recipe=recipe, epochs=1), grid, cv=2, n_jobs=2).fit(*lt5)
    assert search.best_params_ == {"recipe__weight_decay": 0.0}
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] > scores[1]
    label_smoothing = recipe and recipe.label_smoothing
    assert search.best_estimator_.recipe == Recipe(
        weight_decay=0.0, label_smoothing=label_smoothing
    )


def test_a_fitted_classifier_pickles_with_it(make, lt5):
    clf = make(recipe=EVERYTHING).fit(*lt5)
    for pickled in (pickle.dumps(clf), cloudpickle.dumps(clf)):
        copy = pickle.loads(pickled)
        assert copy.recipe == EVERYTHING
        assert_array_equal(copy.predict_proba(lt5[0]), clf.predict_proba(lt5[0]))


def test_notebooks_show_it(make, lt5):
    clf = make(recipe=Recipe(weight_decay=0.125))
    for estimator in (clf, clf.recipe, Recipe()):
        assert "weight_decay" in estimator._repr_html_()
    assert "weight_decay" in clf.fit(*lt5)._repr_html_()
    assert "Recipe(weight_decay=0.125)" in repr(clf)
    assert "0.125" in clf._repr_html_()


# -- Training ----------------------------------------------------------------------------------


def test_a_recipe_that_says_nothing_changes_no_bit(make, fashion, weights_of):
    params = {"pretrain_classes": GTE5, "freeze_until": None}
    without, empty = make(**params).fit(*fashion), make(**params, recipe=Recipe()).fit(*fashion)
    off = {"weight_decay": 0.0, "average": 0.0, "mixup": 0, "test_time_flips": False}
    turned_off = make(**params, recipe=Recipe(**off)).fit(*fashion)
    weights = weights_of(without)
    for clf in (empty, turned_off):
        for path, weight in weights_of(clf).items():
            assert_array_equal(weight, weights[path])
        assert_array_equal(clf.predict_proba(fashion[0]), without.predict_proba(fashion[0]))


def test_same_seeds_same_bits(make, fashion, weights_of):
    params = {"pretrain_classes": GTE5, "recipe": EVERYTHING, "augmentation": ["flip", "crop"]}
    one, other = (make(**params, freeze_until="conv1").fit(*fashion) for _ in range(2))
    for path, weight in weights_of(one).items():
        assert_array_equal(weight, weights_of(other)[path])
    assert one.pretrain_history_["loss"] == other.pretrain_history_["loss"]


@pytest.mark.parametrize("phase", ["pretrain", "fine-tune"])
def test_it_is_about_both_phases(make, fashion, weights_of, phase):
    """Weights that decay by all that they are, in each step, are those of the last step."""
    params = {"pretrain_classes": GTE5, "freeze_until": None, "learning_rate": 1e-3}
    params |= {"pretrain_learning_rate": 1e-3, "batch_size": 1000, "epochs": 1}
    params |= {"epochs": 0} if phase == "pretrain" else {"pretrain_epochs": 0}
    plain, decayed = (
        make(**params, recipe=Recipe(weight_decay=decay)).fit(*fashion) for decay in (0, 1000)
    )
    norms = [np.abs(weights_of(clf)["conv2/kernel"]).mean() for clf in (plain, decayed)]
    assert norms[1] < norms[0] / 10


def test_the_recipe_of_a_user_comes_before_the_backbones(make, lt5, weights_of):
    row = replace(get_backbone("small_cnn"), name="decaying", from_scratch=Recipe(weight_decay=0.5))
    by_row, by_user, same = (
        weights_of(make(**params).fit(*lt5))
        for params in [
            {"backbone": row},
            {"backbone": row, "recipe": Recipe(weight_decay=0.0)},
            {"recipe": Recipe(weight_decay=0.5)},
        ]
    )
    plain = weights_of(make().fit(*lt5))
    for path, weight in by_row.items():
        assert_array_equal(weight, same[path])
        # A decay of zero takes nothing away, though it is computed.
        assert_allclose(by_user[path], plain[path], rtol=1e-6)
    assert (by_row["dense/kernel"] != plain["dense/kernel"]).any()


def config(make, **options):
    clf = make(recipe=Recipe(**options))
    settings = FitSettings.resolve(clf, 0, 100, 10, is_partial=False)
    backbone = get_backbone("small_cnn")
    recipe = fine_tuning_recipe(clf, backbone, settings, is_pretrained=False, is_partial=False)
    return fine_tuning_config(clf, recipe, settings, (None,))


@pytest.mark.parametrize(
    ("head_init", "n_rows", "is_used"),
    [("probe", FEW_ROWS, True), ("random", FEW_ROWS, False), ("probe", FEW_ROWS + 1, False)],
)
def test_the_recipe_for_few_images_is_for_training_from_a_probe(head_init, n_rows, is_used):
    """A head that starts at random needs larger steps than one that starts at its best."""
    backbone = replace(RESIDUAL, few_images=Recipe(head_factor=0.125))
    clf = TransferClassifier(backbone, weights="body.weights.h5", head_init=head_init)
    settings = FitSettings.resolve(clf, 0, n_rows, n_rows, is_partial=False)
    kept = settings.starts_pretrained(clf, pretrains=False)
    recipe = fine_tuning_recipe(clf, backbone, settings, kept, is_partial=False)
    assert recipe.head_factor == (0.125 if is_used else 1.0)


def test_numbers_are_no_reason_to_trace_again(make):
    numbers = {"weight_decay": 0.1, "label_smoothing": 0.1, "average": 0.1, "clip_norm": 1.0}
    one, other = (
        config(make, **{name: factor * value for name, value in numbers.items()})
        for factor in (1, 2)
    )
    assert one != other
    assert one.update_spec == other.update_spec


@pytest.mark.parametrize(
    "change",
    [
        {"weight_decay": 0.1},
        {"weight_decay": 0.2},
        {"label_smoothing": 0.1},
        {"average": 0.5},
        {"mixup": 0.2},
        {"cutmix": 0.2},
        {"batch_norm": "inference"},
        {"head_factor": 0.5},
        {"schedule": "linear"},
    ],
    ids=str,
)
def test_memory_has_a_key_for_each_value(make, fashion, tmp_path, change):
    params = {"pretrain_classes": GTE5, "epochs": 0, "memory": tmp_path}
    for recipe in (None, Recipe(**change)):
        make(**params, recipe=recipe).fit(*fashion)
    assert memory_report(tmp_path)["pretrainings_computed"] == 2
    # Equal values of other types are one value.
    as_numpy = {n: v if isinstance(v, str) else np.float64(v) for n, v in change.items()}
    make(**params, recipe=Recipe(**as_numpy, test_time_flips=True)).fit(*fashion)
    assert memory_report(tmp_path)["pretrainings_found"] == 1


# -- Flips in prediction -----------------------------------------------------------------------

FLIPS = Recipe(test_time_flips=True)


@pytest.mark.parametrize("params", [{}, {"freeze_until": None}, {"dtype": "float64"}], ids=str)
def test_probabilities_are_the_mean_of_both_views(make, fashion, tmp_path, params):
    X, y = fashion
    params = {"pretrain_classes": GTE5, "memory": tmp_path, **params}
    single, both = make(**params).fit(X, y), make(**params, recipe=FLIPS).fit(X, y)
    expected = (single.predict_proba(X) + single.predict_proba(X[:, :, ::-1])) / 2
    found = both.predict_proba(X)
    assert_array_equal(found, expected)
    assert np.abs(found - single.predict_proba(X)).max() > 1e-4
    assert_array_equal(found, both.predict_proba(X[:, :, ::-1].reshape(len(X), -1)))
    assert_array_equal(both.predict(X), both.classes_[expected.argmax(axis=1)])
    assert both.score(X, y) == np.mean(both.predict(X[y < 5]) == y[y < 5])
    if both.freeze_point_:
        # Features of both views are shared.
        assert memory_report(tmp_path)["rows_found"] >= 6 * len(X)
    # The model and its training see one view.
    assert_allclose(both.model_(X), single.predict_proba(X), atol=1e-5)
    assert both.history_["loss"] == single.history_["loss"]


def test_validation_sees_one_view(make, lt5, fashion_test):
    X, y = fashion_test
    fit_params = {"X_val": X[y < 5], "y_val": y[y < 5]}
    single, both = (make(recipe=recipe).fit(*lt5, **fit_params) for recipe in (None, FLIPS))
    assert single.history_["val_loss"] == both.history_["val_loss"]


def test_fit_decides_on_flips(make, lt5):
    X, y = lt5
    clf = make(recipe=Recipe(test_time_flips=True)).fit(X, y)
    before = clf.predict_proba(X)
    clf.recipe.set_params(test_time_flips=False)
    assert_array_equal(clf.predict_proba(X), before)
    clf.set_params(recipe=None)
    assert_array_equal(clf.predict_proba(X), before)
    assert (clf.fit(X, y).predict_proba(X) != before).any()


def test_a_large_input_is_predicted_without_a_copy(make, lt5, tmp_path):
    X, y = lt5
    clf = make(recipe=FLIPS).fit(X, y)
    path = tmp_path / "images.npy"
    np.save(path, np.tile(X, (5, 1, 1)))
    mapped = np.load(path, mmap_mode="r")
    assert_array_equal(clf.predict_proba(mapped), np.tile(clf.predict_proba(X), (5, 1)))


def test_a_backbone_with_cutmix_takes_no_stored_views(make, fashion):
    small_cnn = get_backbone("small_cnn")
    backbone = replace(small_cnn, fine_tuning=Recipe(cutmix=1.0))
    params = {"backbone": backbone, "augmentation": "flip", "augmentation_views": 2}
    with pytest.raises(ValueError, match=r"cutmix=1\.0, which mixes images .* mixup in place"):
        make(**params, pretrain_classes=GTE5).fit(*fashion)
    # Only fine-tuning takes stored views, so the recipe of pretraining may have it.
    pretraining = replace(small_cnn, from_scratch=Recipe(cutmix=1.0), fine_tuning=Recipe())
    make(**{**params, "backbone": pretraining}, pretrain_classes=GTE5).fit(*fashion)
