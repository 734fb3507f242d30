"""Early stopping and validation data."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skfashion._random_streams import RandomStreams
from tests.class_split import GTE5


def test_early_stopping_takes_back_the_best_weights(make, lt5, fashion_test):
    X, y = lt5
    X_val, y_val = (part[fashion_test[1] < 5] for part in fashion_test)
    patience = {"early_stopping": True, "epochs": 60, "n_iter_no_change": 3, "tol": 0}
    stopped = make(learning_rate=0.01, **patience).fit(X, y, X_val=X_val, y_val=y_val)
    losses = stopped.history_["val_loss"]
    best = int(np.argmin(losses)) + 1
    assert stopped.n_iter_ == best + 3 < 60
    straight = make(epochs=best, learning_rate=0.01).fit(X, y)
    assert_array_equal(stopped.predict_proba(X_val), straight.predict_proba(X_val))


def test_early_stopping_holds_out_rows_of_each_phase(make, fashion):
    clf = make(pretrain_classes=GTE5, early_stopping=True, validation_fraction=0.2).fit(*fashion)
    for history in (clf.history_, clf.pretrain_history_):
        names = ["loss", "accuracy", "val_loss", "val_accuracy", "seconds", "features"]
        assert list(history) == names


def test_validation_fraction_says_how_many_rows_are_held_out(make, lt5):
    X, y = lt5
    clf = make(early_stopping=True, validation_fraction=0.13, epochs=3).fit(X, y)
    seed = RandomStreams(0).integer("validation split", "fine-tune")
    _, rows = train_test_split(np.arange(100), test_size=13, stratify=y, random_state=seed)
    loss = log_loss(y[rows], clf.predict_proba(X[rows]))
    assert min(clf.history_["val_loss"]) == pytest.approx(loss, rel=1e-5)


def test_watching_does_not_change_training(make, fashion, fashion_test):
    X_val, y_val = fashion_test
    watched = make(pretrain_classes=GTE5).fit(*fashion, X_val=X_val, y_val=y_val)
    plain = make(pretrain_classes=GTE5).fit(*fashion)
    assert_array_equal(watched.predict_proba(X_val), plain.predict_proba(X_val))
    assert watched.history_["val_accuracy"][-1] == pytest.approx(plain.score(*fashion_test))
    assert "val_loss" in watched.pretrain_history_


@pytest.mark.parametrize("augmentation", [None, {"erase": 1.0, "rotate": 180}])
def test_watched_rows_are_scored_as_they_are(make, fashion, fashion_test, augmentation):
    X_val, y_val = fashion_test
    clf = make(pretrain_classes=GTE5, augmentation=augmentation)
    clf.fit(*fashion, X_val=X_val, y_val=y_val)
    target = y_val < 5
    loss = log_loss(y_val[target], clf.predict_proba(X_val[target]))
    assert clf.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-5)


def test_watched_rows_come_whole(make, lt5):
    with pytest.raises(ValueError, match="X_val was passed to fit without y_val"):
        make().fit(*lt5, X_val=lt5[0])


def test_watched_rows_of_another_type(make, fashion, fashion_test):
    X_val, y_val = fashion_test
    params = {"pretrain_classes": GTE5}
    same = make(**params).fit(*fashion, X_val=X_val, y_val=y_val)
    for other in (X_val.astype(float), X_val.tolist()):
        assert (
            make(**params).fit(*fashion, X_val=other, y_val=y_val).history_["val_loss"]
            == (same.history_["val_loss"])
        )


def test_watched_rows_must_have_known_labels(make, lt5, fashion_test):
    X_val, y_val = fashion_test
    with pytest.raises(ValueError, match=r"y_val has labels that y lacks: \[5, 6, 7, 8, 9\]"):
        make().fit(*lt5, X_val=X_val, y_val=y_val)
    message = r"sample_weight_val was passed to fit without X_val .*\. Pass X_val and y_val, or"
    with pytest.raises(ValueError, match=message):
        make().fit(*lt5, sample_weight_val=np.ones(3))


def test_pretraining_stops_early_at_its_best_weights_too(make, fashion, fashion_test):
    X_val, y_val = fashion_test
    patience = {"early_stopping": True, "n_iter_no_change": 2, "tol": 0, "learning_rate": 0.01}
    shared = {"pretrain_classes": GTE5, "epochs": 0, "output_layer": "keep"}
    stopped = make(pretrain_epochs=40, **patience, **shared).fit(*fashion, X_val=X_val, y_val=y_val)
    best = int(np.argmin(stopped.pretrain_history_["val_loss"])) + 1
    assert len(stopped.pretrain_history_["loss"]) == best + 2
    straight = make(pretrain_epochs=best, learning_rate=0.01, **shared).fit(*fashion)
    assert_array_equal(stopped.predict_proba(X_val), straight.predict_proba(X_val))


def test_tol_is_what_counts_as_improved(make, lt5):
    clf = make(early_stopping=True, tol=100.0, n_iter_no_change=3, epochs=20).fit(*lt5)
    assert clf.n_iter_ == 4


def test_patience_begins_anew_at_each_freeze_point(make, lt5):
    never_improves = {"early_stopping": True, "tol": 100.0, "n_iter_no_change": 2}
    stages = {"freeze_until": None, "head_epochs": 2, "epochs_per_stage": 2, "epochs": 6}
    assert make(**never_improves, **stages).fit(*lt5).n_iter_ == 6


def test_watched_rows_have_weights(make, lt5):
    X, y = lt5
    weight = np.where(np.arange(len(y)) < 50, 1.0, 3.0)
    clf = make().fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    expected = log_loss(y, clf.predict_proba(X), sample_weight=weight)
    assert clf.history_["val_loss"][-1] == pytest.approx(expected, rel=1e-5)
