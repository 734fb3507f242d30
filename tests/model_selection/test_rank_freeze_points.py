"""Freeze points before a search: probes and gradients, against scikit-learn and Keras."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, ShuffleSplit, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skfashion import BackboneFeatures, TransferClassifier, memory_report
from skfashion._data.labelled_data import LabelledData
from skfashion._estimators import point_measures
from skfashion._random_streams import RandomStreams
from skfashion._training.head_probe import PRIOR_VARIANCE
from skfashion.model_selection import ClassSplitCV, freeze_points, rank_freeze_points
from skfashion.model_selection._rank_freeze_points import recommend_points
from tests.class_split import GTE5
from tests.programs import run_program
from tests.residual import RESIDUAL

FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


def test_probes_are_logistic_regressions_on_averaged_features(fashion, body_path):
    X, y = fashion
    frame = rank_freeze_points(TransferClassifier(weights=body_path), X, y, cv=FOLDS)
    assert frame["freeze_until"].tolist() == freeze_points("small_cnn")
    assert frame["depth"].tolist() == [0, 1, 2]
    assert frame["n_frozen_params"].tolist() == [0, 320, 9568]
    assert frame.loc[0, ["mean_probe_score", "std_probe_score"]].isna().all()
    assert_array_equal(frame["recommended"], recommend_points(frame["mean_probe_score"]))
    for _, point in frame[1:].iterrows():
        features = BackboneFeatures(weights=body_path, layer=point["freeze_until"]).fit_transform(X)
        probe = make_pipeline(
            StandardScaler(),
            LogisticRegression(C=PRIOR_VARIANCE / features.shape[1], max_iter=1000),
        )
        scores = cross_val_score(probe, features, y, cv=FOLDS)
        # A row of 200 may fall on the other side, because features are standardised in float32.
        assert_allclose(point["mean_probe_score"], scores.mean(), atol=0.006)
        assert_allclose(point["std_probe_score"], scores.std(), atol=0.006)


@pytest.mark.parametrize(
    ("backbone", "layers"),
    [
        ("small_cnn", {"conv1": {"conv1"}, "features": {"conv2"}}),
        (
            RESIDUAL,
            {
                "stem": {"stem"},
                "norm": {"norm"},
                "features": {"conv", "depthwise", "dense_1", "late_norm"},
            },
        ),
    ],
    ids=["small_cnn", "residual"],
)
def test_ratios_are_those_of_a_gradient_tape(fashion, backbone, layers):
    import keras
    import tensorflow as tf

    X, y = fashion
    params = {"backbone": backbone, "random_state": 0, "dtype": "float64"}
    frame = rank_freeze_points(TransferClassifier(**params), X, y)
    start = {"freeze_until": 0, "head_init": "probe", "epochs": 0}
    model = TransferClassifier(**params, **start).fit(X, y).model_
    with tf.GradientTape() as tape:
        probabilities = model(X[..., None].astype(float), training=False)
        losses = keras.losses.sparse_categorical_crossentropy(y, probabilities)
        loss = keras.ops.mean(losses)
    variables = model.trainable_variables
    pairs = [*zip(variables, tape.gradient(loss, variables), strict=True)]
    ratios = frame.set_index("freeze_until")["gradient_ratio"]
    assert np.isnan(ratios[0])
    assert ratios.index[1:].tolist() == [*layers]
    for point, names in layers.items():
        frozen = [(v, g) for v, g in pairs if v.path.split("/")[-2] in names]
        assert {v.path.split("/")[-2] for v, _ in frozen} == names
        of_gradient, of_weights = (
            np.sqrt(sum(np.sum(np.square(each[index])) for each in frozen)) for index in (1, 0)
        )
        assert_allclose(ratios[point], of_gradient / of_weights, rtol=1e-5)


def test_a_class_split_measures_target_rows_at_pretrained_weights(make, fashion, tmp_path):
    X, y = fashion
    clf = make(pretrain_classes=GTE5, memory=tmp_path, freeze_until="conv1")
    frame = rank_freeze_points(clf, X, y)
    report = memory_report(tmp_path)
    # The features of all stages, and those that the head takes.
    assert (report["pretrainings_computed"], report["rows_computed"]) == (1, 2 * (y < 5).sum())
    assert clf.freeze_until == "conv1"
    assert not hasattr(clf, "classes_")
    # What was computed is found: by the fit, and by a transformer with the pretrained body.
    clf.fit(X, y)
    assert memory_report(tmp_path)["pretrainings_found"] == 1
    again = rank_freeze_points(make(pretrain_classes=GTE5), X, y)
    assert_array_equal(again.iloc[:, 1:].to_numpy(float), frame.iloc[:, 1:].to_numpy(float))
    random = rank_freeze_points(make(), X[y < 5], y[y < 5])
    assert random["gradient_ratio"][2] != frame["gradient_ratio"][2]


def test_weights_of_classes_count(make, fashion):
    X, y = fashion
    scores = [
        rank_freeze_points(make(class_weight=weight), X, y)["mean_probe_score"][2]
        for weight in (None, {0: 100.0})
    ]
    assert scores[0] != scores[1]


def test_the_whole_body_is_measured(make, fashion, body_path):
    X, y = fashion
    assert len(rank_freeze_points(make(body_until="auto", weights=body_path), X, y)) == 3
    assert len(rank_freeze_points(make(body_until="conv1"), X, y)) == 2


@pytest.mark.parametrize(
    ("probes", "recommended"),
    [
        ([np.nan, 0.5], [0, 1]),
        ([np.nan, 0.9, 0.8, 0.7], [0, 1]),
        ([np.nan, 0.5, 0.8, 0.7], [0, 1, 2]),
        ([np.nan, 0.5, 0.6, 0.7, 0.7], [0, 1, 2, 3]),
        ([np.nan, 0.5, 0.6, 0.7, 0.8], [0, 1, 3, 4]),
        ([np.nan, *np.linspace(0.1, 0.9, 9), 0.5], [0, 3, 6, 9]),
    ],
)
def test_a_few_points_up_to_the_best_probe_are_recommended(probes, recommended):
    assert np.flatnonzero(recommend_points(probes)).tolist() == recommended


def test_errors_say_what_to_do(make, fashion):
    X, y = fashion
    with pytest.raises(TypeError, match=r"must be a TransferClassifier, got SVC\. For a pipeline"):
        rank_freeze_points(SVC(), X, y)
    with pytest.raises(ValueError, match="n_splits=30 cannot be greater"):
        rank_freeze_points(make(), X, y, cv=30)
    with pytest.raises(ValueError, match="'epochs' parameter"):
        rank_freeze_points(make(epochs=-1), X, y)


def test_folds_are_those_of_all_rows(make, fashion, monkeypatch):
    X, y = fashion
    monkeypatch.setattr(point_measures, "MOST_ROWS", 60)
    halves = np.arange(len(y)) // 100
    frame = rank_freeze_points(make(), X, y, cv=PredefinedSplit(halves))
    data = LabelledData.of_positive_weight(X.reshape(len(X), -1), y, np.ones(len(y)))
    seed = RandomStreams(0).integer("rows to compare freeze points on")
    rows = data.sample(60, seed).index
    alone = rank_freeze_points(make(), X[rows], y[rows], cv=PredefinedSplit(halves[rows]))
    assert_array_equal(frame["mean_probe_score"], alone["mean_probe_score"])
    with pytest.raises(ValueError, match="cv must leave rows to train on and to test in each fold"):
        rank_freeze_points(make(), X, y, cv=ShuffleSplit(5, test_size=3, random_state=0))


def test_class_split_folds_split_the_target_rows(make, fashion):
    clf = make(pretrain_classes=GTE5)
    plain = rank_freeze_points(clf, *fashion, cv=3)
    split = rank_freeze_points(clf, *fashion, cv=ClassSplitCV(3, pretrain_classes=GTE5))
    assert_array_equal(split["mean_probe_score"], plain["mean_probe_score"])


def test_an_iterable_of_folds_has_row_numbers_of_all_images(make, fashion):
    clf, cv = make(pretrain_classes=GTE5), ClassSplitCV(3, pretrain_classes=GTE5)
    plain = rank_freeze_points(clf, *fashion, cv=cv)
    listed = rank_freeze_points(clf, *fashion, cv=list(cv.split(*fashion)))
    assert_array_equal(listed["mean_probe_score"], plain["mean_probe_score"])


def test_errors_about_folds_come_before_the_pretraining(make, fashion, tmp_path):
    clf = make(pretrain_classes=GTE5, memory=tmp_path)
    with pytest.raises(ValueError, match="n_splits=30 cannot be greater"):
        rank_freeze_points(clf, *fashion, cv=30)
    assert memory_report(tmp_path)["pretrainings_computed"] == 0


def test_callbacks_are_not_started():
    """A `ProgressBar` waits in a thread for the end of a fit, and Python for this thread."""
    program = """
        from sklearn.callback import ProgressBar
        from skfashion import TransferClassifier
        from skfashion.datasets import load_fashion_sample
        from skfashion.model_selection import rank_freeze_points
        X, y = (part[:60] for part in load_fashion_sample(return_X_y=True))
        clf = TransferClassifier().set_callbacks(ProgressBar())
        print(len(rank_freeze_points(clf, X, y, cv=2)), len(clf._skl_callbacks))
    """
    run = run_program(program, timeout=120)
    assert (run.stderr, run.stdout) == ("", "3 1\n")
