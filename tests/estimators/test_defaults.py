"""What "auto" stands for: lengths of phases, the head, the end of the body, sizes of images."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skfashion import TransferClassifier, load, memory_report
from skfashion._estimators import defaults
from skfashion._estimators.defaults import (
    BATCH_SIZES,
    BATCHES_IN_AN_EPOCH,
    EPOCHS,
    FEW_ROWS,
    FEWEST_ROWS_TO_JUDGE,
    HIDDEN_UNITS,
    UPDATES,
    FitSettings,
    PhaseLength,
    auto_batch_size,
    auto_epochs,
)
from skfashion._estimators.task_rows import MOST_JUDGING_ROWS
from skfashion._training import checkpoints
from skfashion.datasets import load_fashion_sample
from tests.class_split import GTE5, LT5, halve
from tests.residual import RESIDUAL

SIZES = [1, 100, 500, 2_000, 10_000, 30_000, 60_000]


def resolve(n_rows, *, n_source=0, smallest_class=1000, is_partial=False, **params):
    clf = TransferClassifier(**{"backbone": RESIDUAL} | params)
    return FitSettings.resolve(clf, n_source, n_rows, smallest_class, is_partial)


@pytest.fixture
def short(monkeypatch):
    """Make "auto" stand for few epochs, whose checkpoints are saved however quick they were."""
    monkeypatch.setattr(defaults, "EPOCHS", (2, 3))
    monkeypatch.setattr(checkpoints, "SECONDS_PER_BYTE", 0.0)


# -- Lengths of phases -------------------------------------------------------------------------


@pytest.mark.parametrize("n_rows", SIZES)
def test_a_batch_is_the_largest_power_of_two_that_leaves_enough_in_an_epoch(n_rows):
    smallest, largest = BATCH_SIZES
    size = auto_batch_size(n_rows)
    assert smallest <= size <= largest
    assert np.log2(size) % 1 == 0
    assert size == smallest or n_rows / size >= BATCHES_IN_AN_EPOCH
    assert size == largest or n_rows / (2 * size) < BATCHES_IN_AN_EPOCH


@pytest.mark.parametrize("n_rows", SIZES)
def test_epochs_are_the_fewest_with_enough_updates(n_rows):
    fewest, most = EPOCHS
    size = auto_batch_size(n_rows)
    epochs, batches = auto_epochs(n_rows, size), -(-n_rows // size)
    assert fewest <= epochs <= most
    assert epochs == most or epochs * batches >= UPDATES
    assert epochs == fewest or (epochs - 1) * batches < UPDATES


@pytest.mark.parametrize("n_rows", [30_000, 60_000])
def test_many_rows_have_the_lengths_of_the_reference_protocol(n_rows):
    assert PhaseLength.resolve("auto", "auto", n_rows) == PhaseLength(128, 5)


@pytest.mark.parametrize(
    ("n_rows", "size", "epochs"),
    [
        (100, 16, 50),
        (2_000, 16, 8),
        (2_047, 16, 8),
        (2_048, 32, 16),
        (4_095, 32, 8),
        (4_096, 64, 16),
        (8_192, 128, 16),
        (10_000, 128, 13),
        (30_000, 128, 5),
    ],
)
def test_lengths_are_those_of_the_page(n_rows, size, epochs):
    assert PhaseLength.resolve("auto", "auto", n_rows) == PhaseLength(size, epochs)


def test_limits_are_those_of_the_page():
    assert (FEW_ROWS, FEWEST_ROWS_TO_JUDGE, MOST_JUDGING_ROWS) == (10_000, 10, 1_000)


def test_more_rows_never_have_smaller_batches():
    sizes = [auto_batch_size(n) for n in range(1, 40_000, 77)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 2


def test_one_is_resolved_by_the_other():
    n_rows = 3_000
    one = PhaseLength.resolve(1_000, "auto", n_rows)
    assert one == PhaseLength(1_000, EPOCHS[1])
    assert PhaseLength.resolve("auto", 7, n_rows) == PhaseLength(auto_batch_size(n_rows), 7)


def test_each_phase_is_as_long_as_its_rows_ask_for():
    settings = resolve(100, n_source=30_000)
    assert settings.pretraining == PhaseLength.resolve("auto", "auto", 30_000)
    assert settings.fine_tuning == PhaseLength.resolve("auto", "auto", 100)
    assert settings.pretraining != settings.fine_tuning


def test_given_values_are_taken_exactly(make, fashion):
    clf = make(pretrain_classes=GTE5, pretrain_epochs=3, epochs=4, batch_size=33).fit(*fashion)
    assert clf.batch_size_ == 33
    assert len(clf.pretrain_history_["loss"]) == 3
    assert clf.n_iter_ == len(clf.history_["loss"]) == 4
    assert make(epochs=0).fit(*fashion).n_iter_ == 0


def test_a_fit_has_the_lengths_of_its_rows(fashion, short):
    X, y = fashion
    rows = np.concatenate([np.flatnonzero(y < 5), np.flatnonzero(y >= 5)[:50]])
    clf = TransferClassifier(
        pretrain_classes=GTE5, head_init="random", freeze_until=None, random_state=0
    ).fit(X[rows], y[rows])
    length = PhaseLength.resolve("auto", "auto", 100)
    assert (clf.batch_size_, clf.n_iter_) == (length.batch_size, length.epochs)
    assert len(clf.pretrain_history_["loss"]) == auto_epochs(50, auto_batch_size(50))


# -- Heads, bodies, sizes ----------------------------------------------------------------------

FILE = {"weights": "body.weights.h5"}
# Its head has no hidden layer by default.
SMALL_RESNET = {"backbone": "small_resnet"}
AUTO_EPOCHS = auto_epochs(100, auto_batch_size(100))


@pytest.mark.parametrize(
    ("n_rows", "params", "expected"),
    [
        (100, FILE, (True, True, 0, "auto")),
        (FEW_ROWS, FILE, (True, True, 0, "auto")),
        (FEW_ROWS + 1, FILE, (False, False, HIDDEN_UNITS, None)),
        (100, FILE | {"backbone": "small_cnn"}, (False, False, HIDDEN_UNITS, None)),
        (100, {}, (False, False, HIDDEN_UNITS, None)),
        (100, {"pretrain_classes": GTE5}, (False, False, HIDDEN_UNITS, None)),
        (100, FILE | {"pretrain_classes": GTE5}, (True, True, 0, "auto")),
        (100, FILE | {"epochs": 5}, (True, False, HIDDEN_UNITS, None)),
        (100, FILE | {"epochs": 5, "head_init": "probe"}, (True, True, 0, "auto")),
        (100, FILE | {"head_init": "random"}, (True, False, HIDDEN_UNITS, None)),
        (100, FILE | {"output_layer": "keep"}, (True, False, HIDDEN_UNITS, None)),
        (100, FILE | {"hidden_units": 16}, (True, True, 16, None)),
        (100, FILE | {"hidden_units": 0}, (True, True, 0, "auto")),
        (100, FILE | {"freeze_until": "dense"}, (True, True, HIDDEN_UNITS, None)),
        (100, FILE | {"body_until": -1}, (True, True, 0, -1)),
        (100, {"head_init": "probe"}, (False, True, HIDDEN_UNITS, None)),
        (100, SMALL_RESNET, (False, False, 0, None)),
        (FEW_ROWS + 1, SMALL_RESNET | FILE, (False, False, 0, None)),
        (100, SMALL_RESNET | FILE, (True, True, 0, None)),
        (100, SMALL_RESNET | FILE | {"body_until": 2}, (True, True, 0, 2)),
        (100, SMALL_RESNET | {"hidden_units": 16}, (False, False, 16, None)),
        (100, SMALL_RESNET | {"freeze_until": "dense"}, (False, False, HIDDEN_UNITS, None)),
        (100, FILE | {"is_partial": True}, (True, False, HIDDEN_UNITS, None)),
        (100, FILE | {"is_partial": True, "head_init": "probe"}, (True, False, HIDDEN_UNITS, None)),
    ],
    ids=str,
)
def test_heads_and_bodies(n_rows, params, expected):
    settings = resolve(n_rows, **params)
    found = settings.few_images, settings.probes, settings.hidden_units, settings.body_until
    assert found == expected


@pytest.mark.parametrize(
    ("params", "smallest_class", "judges", "fine_tunes"),
    [
        ({}, FEWEST_ROWS_TO_JUDGE, True, True),
        ({}, FEWEST_ROWS_TO_JUDGE - 1, True, False),
        ({"early_stopping": True}, 1, False, True),
        ({"head_init": "random"}, 1, False, True),
        ({"epochs": 7, "head_init": "probe"}, 1, False, True),
    ],
    ids=str,
)
def test_fine_tuning_after_a_probe(params, smallest_class, judges, fine_tunes):
    settings = resolve(100, smallest_class=smallest_class, **FILE, **params)
    assert (settings.judges, settings.fine_tunes) == (judges, fine_tunes)
    assert settings.fine_tuning.epochs == params.get("epochs", AUTO_EPOCHS)


def test_few_images_are_enlarged_to_the_size_of_pretraining(make, lt5, residual_path):
    large = replace(RESIDUAL, name="large", pretrained_size=40)
    params = {"backbone": large, "epochs": 0}
    assert make(weights=residual_path, **params).fit(*lt5).input_size_ == (40, 40)
    assert make(**params).fit(*lt5).input_size_ == (14, 14)


def test_the_size_of_pretraining_may_exceed_that_of_files(make, lt5, residual_path, tmp_path):
    row = replace(RESIDUAL, name="row", default_size=24, pretrained_size=40)
    clf = make(backbone=row, weights=residual_path, epochs=0).fit(*lt5)
    assert clf.input_size_ == (40, 40)
    clf.save(tmp_path / "clf.skf")
    loaded = load(tmp_path / "clf.skf", backbones=[row])
    assert_array_equal(loaded.predict_proba(lt5[0]), clf.predict_proba(lt5[0]))


def test_a_given_size_may_be_smaller_than_that_of_pretraining(make, lt5, residual_path):
    large = replace(RESIDUAL, name="large", pretrained_size=40)
    params = {"backbone": large, "weights": residual_path, "epochs": 0}
    assert make(input_size=20, **params).fit(*lt5).input_size_ == (20, 20)
    with pytest.raises(ValueError, match=r"input_size=8 is smaller .* 9 pixels a side"):
        make(input_size=8, **params).fit(*lt5)


def test_few_images_may_have_a_freeze_point_of_their_own(make, lt5, residual_path):
    early = replace(RESIDUAL, name="early", default_freeze="norm", few_images_freeze="stem")

    def freeze_point(**params):
        return make(backbone=early, **{"epochs": "auto", **params}).fit(*lt5).freeze_point_

    file = {"weights": residual_path, "body_until": None}
    assert freeze_point(**file) == "stem"
    assert freeze_point(**file, freeze_until="norm") == "norm"
    assert freeze_point(**file, head_init="random", epochs=1) == "norm"
    assert freeze_point(epochs=1) is None


def test_a_frozen_hidden_layer_exists(make, lt5, residual_path):
    clf = make(backbone=RESIDUAL, weights=residual_path, epochs="auto", freeze_until="dense").fit(
        *lt5
    )
    assert (clf.hidden_units_, clf.freeze_point_) == (HIDDEN_UNITS, "dense")


# -- Fitted attributes -------------------------------------------------------------------------


def test_attributes_say_what_was_used(make, lt5):
    clf = make(hidden_units=8, batch_size=20).fit(*lt5)
    assert (clf.batch_size_, clf.hidden_units_, clf.input_size_) == (20, 8, (14, 14))
    assert (clf.body_until_, clf.head_init_, clf.kept_probe_) == ("conv2", "random", False)


def test_clones_are_left_to_the_data_again_and_pickles_are_not(lt5, short):
    clf = TransferClassifier(random_state=0).fit(*lt5)
    params = clf.get_params()
    assert all(params[name] == "auto" for name in ("epochs", "batch_size", "hidden_units"))
    assert clone(clf).get_params() == params
    again = pickle.loads(pickle.dumps(clf))
    names = "batch_size_", "input_size_", "hidden_units_", "body_until_", "head_init_", "n_iter_"
    assert [getattr(again, name) for name in names] == [getattr(clf, name) for name in names]
    assert_array_equal(again.predict_proba(lt5[0]), clf.predict_proba(lt5[0]))
    further = again.partial_fit(*lt5)
    assert further.batch_size_ == clf.batch_size_


# -- Further fits ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def more():
    """As many rows as have larger batches than a hundred have."""
    X, y = load_fashion_sample(return_X_y=True)
    X, y = halve(X[y < 5]), y[y < 5]
    assert auto_batch_size(len(y)) > auto_batch_size(100)
    return X, y


def test_partial_fit_keeps_the_batches_of_its_first_call(lt5, more):
    params = {"random_state": 0, "hidden_units": 8}
    left, given = (
        TransferClassifier(batch_size=size, **params).partial_fit(*lt5, classes=LT5)
        for size in ("auto", auto_batch_size(100))
    )
    for clf in (left, given):
        clf.partial_fit(*more)
    assert left.batch_size_ == given.batch_size_ == auto_batch_size(100)
    assert_array_equal(left.predict_proba(lt5[0]), given.predict_proba(lt5[0]))


def test_warm_start_keeps_the_lengths_of_its_first_fit(lt5, more, short):
    clf = TransferClassifier(hidden_units=8, warm_start=True, random_state=0).fit(*lt5)
    length = PhaseLength.resolve("auto", "auto", 100)
    assert length != PhaseLength.resolve("auto", "auto", len(more[1]))
    clf.fit(*more)
    assert (clf.batch_size_, clf.n_iter_) == (length.batch_size, 2 * length.epochs)
    clf.set_params(batch_size=50, epochs=1).fit(*lt5)
    assert (clf.batch_size_, clf.n_iter_) == (50, 2 * length.epochs + 1)
    clf.set_params(batch_size="auto", epochs="auto").fit(*more)
    assert (clf.batch_size_, clf.n_iter_) == (length.batch_size, 3 * length.epochs + 1)


@pytest.mark.parametrize("batch_size", ["auto", 50])
def test_auto_in_a_further_fit_is_that_of_the_rows_of_the_first(batch_size):
    first = resolve(100, epochs=0, batch_size=batch_size)
    size = auto_batch_size(100) if batch_size == "auto" else batch_size
    further = TransferClassifier(batch_size=batch_size)
    length = PhaseLength(size, auto_epochs(100, size))
    for _ in range(2):
        first = first.continue_with(further)
        assert first.fine_tuning == length
    given = first.continue_with(TransferClassifier(batch_size=7, epochs=3))
    assert given.fine_tuning == PhaseLength(7, 3)
    assert given.continue_with(further).fine_tuning == length


def test_auto_in_a_further_fit_does_not_depend_on_numbers_of_the_first():
    both = TransferClassifier()
    first = resolve(1_000, batch_size=512, epochs=1).continue_with(both)
    assert first.fine_tuning == PhaseLength.resolve("auto", "auto", 1_000)
    # Early files do not have the number of rows.
    early = replace(resolve(1_000, batch_size=512, epochs=1), n_target=None)
    assert early.continue_with(both).fine_tuning == PhaseLength(512, 1)


# -- Memory ------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["auto", "given"])
def test_memory_knows_resolved_values(fashion, short, tmp_path, first):
    X, y = fashion
    n_target, n_source = (y < 5).sum(), (y >= 5).sum()
    target = PhaseLength.resolve("auto", "auto", n_target)
    source = PhaseLength.resolve("auto", "auto", n_source)
    given = {
        "epochs": target.epochs,
        "pretrain_epochs": source.epochs,
        "batch_size": target.batch_size,
        "hidden_units": HIDDEN_UNITS,
    }
    assert target.batch_size == source.batch_size
    order = [given, {}] if first == "given" else [{}, given]
    one, other = (
        TransferClassifier(
            pretrain_classes=GTE5,
            freeze_until="conv1",
            head_init="random",
            memory=tmp_path,
            random_state=0,
            **params,
        ).fit(X, y)
        for params in order
    )
    report = memory_report(tmp_path)
    assert (report["pretrainings_computed"], report["pretrainings_found"]) == (1, 1)
    assert report["epochs_found"] == target.epochs + source.epochs
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_memory_tells_lengths_apart(lt5, short, tmp_path):
    params = {"memory": tmp_path, "random_state": 0}
    TransferClassifier(**params).fit(*lt5)
    TransferClassifier(batch_size=50, **params).fit(*lt5)
    assert memory_report(tmp_path)["epochs_found"] == 0


def test_memory_knows_equal_numbers_of_numpy(make, fashion, tmp_path):
    plain = {"batch_size": 32, "early_stopping": True, "n_iter_no_change": 3, "tol": 1e-4}
    types = np.int64, np.bool_, np.int16, np.float64
    of_numpy = {name: of(value) for of, (name, value) in zip(types, plain.items(), strict=True)}
    for params in (plain, of_numpy):
        make(**params, pretrain_classes=GTE5, memory=tmp_path).fit(*fashion)
    assert memory_report(tmp_path)["pretrainings_found"] == 1
