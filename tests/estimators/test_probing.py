"""The head starts from a linear probe, and fine-tuning has to be better than it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion import BackboneFeatures, Recipe
from skfashion._estimators import defaults, probing
from skfashion._random_streams import RandomStreams
from skfashion._training.head_probe import PRIOR_VARIANCE
from tests.class_split import GTE5, LT5
from tests.residual import RESIDUAL

# Probes of one set of rows, of features that were computed by other functions.
ATOL = 3e-3
# Lets a few rows improve the body: batch statistics of so few are too noisy.
TRAINABLE = {
    "freeze_until": None,
    "recipe": Recipe(batch_norm="inference"),
    "feature_dropout": 0.0,
    "learning_rate": 0.003,
}


@pytest.fixture
def probed(make, residual_path, monkeypatch):
    """Build an estimator whose body is that of a file, and whose head starts from a probe."""
    monkeypatch.setattr(defaults, "EPOCHS", (5, 10))

    def probed(**params):
        default = {"backbone": RESIDUAL, "weights": residual_path, "body_until": None}
        return make(**{**default, "epochs": "auto", "hidden_units": "auto", **params})

    return probed


@pytest.fixture
def expected_proba(residual_path):
    """Return what scikit-learn's logistic regression on the body's features predicts."""

    def expected_proba(X, y, sample_weight=None):
        features = BackboneFeatures(RESIDUAL, weights=residual_path)
        probe = make_pipeline(
            features, StandardScaler(), LogisticRegression(C=PRIOR_VARIANCE / 4, tol=1e-6)
        )
        weights = {
            "standardscaler__sample_weight": sample_weight,
            "logisticregression__sample_weight": sample_weight,
        }
        return probe.fit(X, y, **weights).predict_proba(X)

    return expected_proba


def held_out_rows(y, random_state=0):
    """Return the rows that fine-tuning is judged on, with the default share."""
    seed = RandomStreams(random_state).integer("validation split", "fine-tune")
    _, rows = train_test_split(np.arange(len(y)), test_size=0.1, stratify=y, random_state=seed)
    return rows


def with_noise(X, rows):
    X = X.copy()
    X[rows] = np.random.default_rng(0).integers(0, 256, X[rows].shape, X.dtype)
    return X


# -- Nothing but the output layer trains -------------------------------------------------------


def test_a_frozen_fit_is_the_probe(probed, lt5, expected_proba):
    X, y = lt5
    clf = probed(freeze_until="features").fit(X, y)
    assert_allclose(clf.predict_proba(X), expected_proba(X, y), atol=ATOL)
    assert (clf.head_init_, clf.kept_probe_, clf.hidden_units_) == ("probe", True, 0)
    assert (clf.n_iter_, clf.history_) == (0, {})


def test_the_file_of_a_class_split(probed, fashion, lt5):
    whole = probed(freeze_until="features", target_classes=LT5).fit(*fashion)
    alone = probed(freeze_until="features").fit(*lt5)
    assert_array_equal(whole.predict_proba(lt5[0]), alone.predict_proba(lt5[0]))


def test_weights_of_rows_and_classes_reach_it(probed, lt5, expected_proba):
    X, y = lt5
    weights = np.where(y == 2, 5.0, 1.0)
    plain, by_row, by_class = (
        probed(freeze_until="features", class_weight=class_weight)
        .fit(X, y, sample_weight=sample_weight)
        .predict_proba(X)
        for class_weight, sample_weight in [(None, None), (None, weights), ({2: 5.0}, None)]
    )
    assert_array_equal(by_class, by_row)
    assert_allclose(by_row, expected_proba(X, y, weights), atol=ATOL)
    assert np.abs(by_row - plain).max() > 0.05


def test_rows_that_are_repeated_are_rows_with_weights(probed, lt5):
    X, y = lt5
    counts = np.random.default_rng(0).integers(0, 4, len(y))
    params = {"freeze_until": "features", "dtype": "float64"}
    weighted = probed(**params).fit(X, y, sample_weight=counts)
    repeated = probed(**params).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
def test_it_takes_the_type_of_the_fit(probed, lt5, expected_proba, dtype):
    X, y = lt5
    clf = probed(freeze_until="features", dtype=dtype).fit(X, y)
    expected = "float64" if dtype == "float64" else "float32"
    assert clf._fitted.weights["output/kernel"].dtype == expected
    atol = 0.2 if dtype == "mixed_bfloat16" else ATOL
    assert_allclose(clf.predict_proba(X), expected_proba(X, y), atol=atol)


@pytest.mark.parametrize("freeze_until", ["features", None])
def test_its_rows_are_capped(probed, lt5, monkeypatch, freeze_until):
    X, y = lt5
    shapes = []

    class Recorded(probing.LinearProbe):
        def __init__(self, features, targets, *args):
            shapes.append((len(features), np.bincount(targets).tolist()))
            super().__init__(features, targets, *args)

    monkeypatch.setattr(probing, "LinearProbe", Recorded)
    monkeypatch.setattr(probing, "MOST_ROWS", 40)
    params = {"head_init": "probe", "epochs": 0, "freeze_until": freeze_until}
    capped = probed(**params).fit(X, y)
    again = probed(**params).fit(X, y)
    other = probed(**params, random_state=1).fit(X, y)
    assert shapes == [(40, [8] * 5)] * 3
    assert_array_equal(capped.predict_proba(X), again.predict_proba(X))
    assert not np.array_equal(capped.predict_proba(X), other.predict_proba(X))


# -- Rows that it does not see -----------------------------------------------------------------


def test_validation_rows_do_not_reach_it(probed, lt5, fashion_test):
    X_val, y_val = (part[fashion_test[1] < 5] for part in fashion_test)
    plain, watched, mislabelled = (
        probed(freeze_until="features").fit(*lt5, **validation).predict_proba(lt5[0])
        for validation in (
            {},
            {"X_val": X_val, "y_val": y_val},
            {"X_val": X_val, "y_val": (y_val + 1) % 5},
        )
    )
    assert_array_equal(watched, plain)
    assert_array_equal(mislabelled, plain)


def test_rows_of_early_stopping_do_not_reach_it(probed, lt5):
    X, y = lt5
    held_out = held_out_rows(y)
    params = {"head_init": "probe", "freeze_until": "features", "epochs": 0}
    start, changed, training_row_changed = (
        probed(early_stopping=True, **params).fit(images, y).predict_proba(X)
        for images in (
            X,
            with_noise(X, held_out),
            with_noise(X, np.setdiff1d(np.arange(len(y)), held_out)[:1]),
        )
    )
    assert_array_equal(changed, start)
    assert not np.array_equal(training_row_changed, start)
    assert not np.array_equal(probed(**params).fit(X, y).predict_proba(X), start)


def test_rows_of_the_source_task_do_not_reach_it(probed, fashion):
    X, y = fashion
    params = {"pretrain_classes": GTE5, "pretrain_epochs": 0, "freeze_until": "features"}
    one, other = (
        probed(**params).fit(images, y).predict_proba(X[y < 5])
        for images in (X, with_noise(X, np.flatnonzero(y >= 5)))
    )
    assert_array_equal(one, other)


# -- Fine-tuning is judged ---------------------------------------------------------------------


def test_weights_that_training_ruined_are_not_kept(probed, lt5, expected_proba):
    X, y = lt5
    rates = {"learning_rate": 3.0, "body_learning_rate": 3.0, "clip_norm": 100.0}
    clf = probed(freeze_until=None, **rates).fit(X, y)
    assert clf.kept_probe_
    assert clf.n_iter_ > 0
    assert min(clf.history_["val_loss"]) > 2
    # No row is held out any more.
    assert_allclose(clf.predict_proba(X), expected_proba(X, y), atol=ATOL)
    assert clf.set_params(warm_start=True, epochs=0).fit(X, y).kept_probe_
    slow = {"learning_rate": 1e-3, "body_learning_rate": 1e-3}
    assert not clf.set_params(epochs=1, **slow).fit(X, y).kept_probe_
    given = probed(freeze_until=None, epochs=1, head_init="probe", **rates).fit(X, y)
    assert not given.kept_probe_
    assert not np.allclose(given.predict_proba(X), expected_proba(X, y), atol=0.1)


def test_weights_that_training_improved_are_kept(probed, lt5):
    X, y = lt5
    held_out = held_out_rows(y)
    training = np.setdiff1d(np.arange(len(y)), held_out)
    clf = probed(**TRAINABLE).fit(X, y)
    assert clf.n_iter_ == 10
    assert (clf.head_init_, clf.kept_probe_) == ("probe", False)
    loss = log_loss(y[held_out], clf.predict_proba(X[held_out]))
    assert loss == pytest.approx(clf.history_["val_loss"][-1], rel=1e-3)
    start = probed(**TRAINABLE, head_init="probe", epochs=0).fit(X[training], y[training])
    assert loss < log_loss(y[held_out], start.predict_proba(X[held_out]))


def test_validation_rows_judge_in_place_of_held_out_ones(probed, lt5, fashion_test):
    X_val, y_val = (part[fashion_test[1] < 5] for part in fashion_test)
    clf = probed(**TRAINABLE).fit(*lt5, X_val=X_val, y_val=y_val)
    start = probed(**TRAINABLE, head_init="probe", epochs=0).fit(*lt5)
    tuned = probed(**TRAINABLE, head_init="probe", epochs=10).fit(*lt5)  # not judged
    wrong = probed(**TRAINABLE).fit(*lt5, X_val=X_val, y_val=(y_val + 1) % 5)
    assert wrong.history_["loss"] == clf.history_["loss"] == tuned.history_["loss"]
    for fitted, labels in ((clf, y_val), (wrong, (y_val + 1) % 5)):
        before, after = (
            -np.log(each.predict_proba(X_val)[np.arange(len(labels)), labels])
            for each in (start, tuned)
        )
        standard_error = np.std(after - before) / np.sqrt(len(labels))
        is_worse = np.mean(after - before) > standard_error
        assert fitted.kept_probe_ is bool(is_worse)
        kept = start if is_worse else tuned
        assert_allclose(fitted.predict_proba(X_val), kept.predict_proba(X_val), atol=ATOL)


def test_ctrl_c_while_it_is_judged_fits_nothing(probed, lt5, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("skfashion._estimators.fit.is_worse", interrupt)
    clf = probed(**TRAINABLE)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*lt5)
    assert not hasattr(clf, "classes_")


def test_too_few_rows_to_judge_leave_the_probe(probed, lt5, expected_proba):
    X, y = lt5
    rows = np.concatenate(
        [np.flatnonzero(y == label)[: defaults.FEWEST_ROWS_TO_JUDGE - 1] for label in LT5]
    )
    clf = probed(freeze_until=None).fit(X[rows], y[rows])
    assert (clf.n_iter_, clf.kept_probe_) == (0, True)
    assert_allclose(clf.predict_proba(X[rows]), expected_proba(X[rows], y[rows]), atol=ATOL)


def test_as_many_rows_judge_as_there_are_classes(probed, lt5):
    clf = probed(freeze_until=None, validation_fraction=0.01).fit(*lt5)
    assert len(clf.history_["val_loss"]) == clf.n_iter_ > 0


def test_a_probe_is_found_from_any_freeze_point(probed, lt5):
    params = {"head_init": "probe", "epochs": 0}
    X, y = lt5
    one, *others = (
        probed(freeze_until=point, **params).fit(X, y).predict_proba(X)
        for point in ("features", None, "stem")
    )
    for other in others:
        assert_allclose(other, one, atol=ATOL)


# -- Where there is none -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {"epochs": 1},
        {"head_init": "random"},
        {"weights": None},
        {"pretrain_classes": GTE5, "output_layer": "keep"},
    ],
    ids=lambda params: next(iter(params)),
)
def test_it_is_off_by_default(probed, fashion, params):
    if "epochs" not in params:
        params = {**params, "epochs": "auto"}
    clf = probed(freeze_until="features", **params).fit(*fashion)
    assert (clf.head_init_, clf.kept_probe_) == ("random", False)
    assert clf.n_iter_ > 0


@pytest.mark.parametrize("head_init", ["auto", "probe"])
def test_it_is_off_in_partial_fit(probed, lt5, head_init):
    clf = probed(freeze_until="features", head_init=head_init).partial_fit(*lt5, classes=LT5)
    plain = probed(freeze_until="features", head_init="random").partial_fit(*lt5, classes=LT5)
    assert clf.head_init_ == "random"
    assert clf.n_iter_ == 1
    assert_array_equal(clf.predict_proba(lt5[0]), plain.predict_proba(lt5[0]))


def test_it_is_off_in_a_further_fit(probed, lt5):
    X, y = lt5
    params = {"freeze_until": "features", "head_init": "probe", "epochs": 0, "warm_start": True}
    clf = probed(**params).fit(X, y)
    before = clf.predict_proba(X)
    clf.fit(X, (y + 1) % 5)
    assert_array_equal(clf.predict_proba(X), before)
    assert clf.head_init_ == "probe"


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_an_output_layer_is_not_both_kept_and_probed(probed, fashion, call):
    clf = probed(head_init="probe", output_layer="keep", pretrain_classes=GTE5)
    arguments = {"classes": LT5} if call == "partial_fit" else {}
    with pytest.raises(ValueError, match=r'head_init="probe" starts .* Set output_layer="new"'):
        getattr(clf, call)(*fashion, **arguments)
