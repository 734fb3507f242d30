"""scikit-learn's own callbacks on the estimator alone, in a pipeline and inside a grid."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.callback import FitCallback, ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV

from skfashion import load
from skfashion.model_selection import ClassSplitCV
from tests.class_split import GTE5

pytestmark = pytest.mark.filterwarnings("ignore:.*experimental.*")


def test_progress_bar_alone(make, fashion, capsys):
    make(pretrain_classes=GTE5).set_callbacks(ProgressBar(max_propagation_depth=None)).fit(*fashion)
    shown = capsys.readouterr().out
    assert "TransferClassifier - pretrain #0" in shown
    assert "TransferClassifier - fine-tune #1" in shown
    assert "100%" in shown


def test_progress_bar_in_a_grid(make, fashion, capsys):
    search = GridSearchCV(
        make(pretrain_classes=GTE5),
        {"freeze_until": ["conv1", "features"]},
        cv=ClassSplitCV(2, pretrain_classes=GTE5),
    ).set_callbacks(ProgressBar(max_propagation_depth=None))
    search.fit(*fashion)
    shown = capsys.readouterr().out
    assert "GridSearchCV" in shown
    assert "fine-tune" in shown


def test_scoring_monitor_scores_every_epoch_of_its_own_task(make, fashion):
    X, y = fashion
    monitor = ScoringMonitor(scoring="accuracy")
    clf = make(pretrain_classes=GTE5, epochs=3).set_callbacks(monitor).fit(X, y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    scores = [row["accuracy"] for row in rows]
    assert len(scores) == 4
    target = y < 5
    assert scores[-1] == np.mean(clf.predict(X[target]) == y[target])
    assert scores[0] > 0.3  # of the source task, five classes, after its only epoch


def test_scoring_monitor_with_sample_weight(make, fashion):
    X, y = fashion
    monitor = ScoringMonitor(scoring="accuracy")
    weight = np.tile([1.0, 0.0], 100)
    clf = make(pretrain_classes=GTE5).set_callbacks(monitor).fit(X, y, sample_weight=weight)
    last = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"][-1]
    assert last == pytest.approx(clf.score(X, y, sample_weight=weight))


def test_scoring_monitor_in_a_grid(make, fashion):
    monitor = ScoringMonitor(scoring="accuracy")
    search = GridSearchCV(
        make(pretrain_classes=GTE5).set_callbacks(monitor),
        {"freeze_until": ["conv1", "features"]},
        cv=ClassSplitCV(2, pretrain_classes=GTE5),
    )
    search.fit(*fashion)
    logs = monitor.get_logs(select="all")
    epochs = [row for log in logs for row in log.data if row["task_name"] == "epoch"]
    # Two candidates in two folds, and the refit: one epoch of pretraining and two more each.
    assert len(epochs) == (2 * 2 + 1) * 3


def test_a_callback_can_stop_a_phase(make, fashion):
    class StopAfterFirst(FitCallback):
        def on_fit_task_end(self, estimator, context):
            return context.task_name == "epoch"

    clf = make(pretrain_classes=GTE5, pretrain_epochs=4, epochs=4)
    clf.set_callbacks(StopAfterFirst()).fit(*fashion)
    assert clf.n_iter_ == 1
    assert len(clf.pretrain_history_["loss"]) == 1


@pytest.mark.filterwarnings("ignore:skfashion.save leaves out")
def test_the_estimator_of_an_epoch_can_be_saved_and_shown(make, fashion, tmp_path):
    class SaveEpochs(FitCallback):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            if fitted_estimator is not None:
                assert "Fit at a glance" in fitted_estimator._repr_html_()
                fitted_estimator.save(tmp_path / "epoch.skf")

    clf = make(pretrain_classes=GTE5, epochs=2).set_callbacks(SaveEpochs())
    for params in ({"hidden_units": 3}, {"hidden_units": 5}, {"warm_start": True}):
        clf.set_params(**params).fit(*fashion)
        saved = load(tmp_path / "epoch.skf")
        assert_array_equal(saved.predict_proba(fashion[0]), clf.predict_proba(fashion[0]))
        assert saved.history_ == clf.history_
        assert saved.pretrain_history_ == clf.pretrain_history_
        assert saved.hidden_units_ == clf.hidden_units_


def test_the_estimator_of_an_epoch_describes_the_network_of_its_phase(make, fashion):
    seen = []

    class Describe(FitCallback):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            if fitted_estimator is not None:
                n_params = fitted_estimator.n_frozen_params_ + fitted_estimator.n_trainable_params_
                tasks = (
                    fitted_estimator.source_classes_.tolist(),
                    fitted_estimator.classes_.tolist(),
                )
                seen.append((*tasks, n_params == fitted_estimator.model_.count_params()))

    source = [3, 4, 5, 6, 7, 8, 9]
    clf = make(pretrain_classes=source, pretrain_epochs=1, epochs=1, freeze_until=None)
    clf.set_callbacks(Describe()).fit(*fashion)
    assert seen[0] == ([], source, True)
    assert seen[-1] == (source, [0, 1, 2], True)


def test_callbacks_change_no_bit(make, fashion):
    watched = make(pretrain_classes=GTE5).set_callbacks(ScoringMonitor(scoring="accuracy"))
    watched.fit(*fashion)
    plain = make(pretrain_classes=GTE5).fit(*fashion)
    assert_array_equal(watched.predict_proba(fashion[0]), plain.predict_proba(fashion[0]))
    assert not hasattr(watched, "_callback_fit_ctx")
