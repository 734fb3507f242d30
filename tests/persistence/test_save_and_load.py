"""What a file keeps: parameters, labels, fitted attributes; and what it refuses or leaves out."""

import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import numpy as np
import pytest
from joblib import Memory
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.exceptions import InconsistentVersionWarning

import skfashion
from skfashion import BackboneFeatures, Recipe, TransferClassifier, load
from skfashion._estimators import backbone_estimator
from tests.residual import RESIDUAL

# -- Parameters --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"weights": "imagenet", "freeze_until": -1, "learning_rate": 1e-300, "warm_start": True},
        {"weights": Path("a") / "b", "memory": Path("ü"), "memory_limit": "2G", "checkpoint": "c"},
        {"pretrain_classes": [1, "one", 1.5, True, None], "target_classes": (2, '\udcff\0"\\')},
        {"pretrain_classes": range(5, 10), "target_classes": {1, 2}, "clip_norm": np.inf},
        {"pretrain_classes": np.array([5, 6], ">i2"), "target_classes": np.array(["a", "bc"])},
        {"pretrain_classes": np.array([[0.5, np.nan]]), "target_classes": np.array([1, "b"], "O")},
        {"class_weight": {0: 0.5, "b": 2, np.int64(3): 1.0}, "dropout": np.float32(0.1)},
        {"augmentation": {"flip": "both", "rotate": 10}, "batch_size": np.int64(32)},
        {"recipe": Recipe(weight_decay=0.1, clip_norm=np.inf), "image_shape": (8, 8)},
        {"backbone": "vgg16", "pixel_range": [0.0, 1.0], "head_init": np.str_("probe")},
    ],
    ids=lambda params: " ".join(params) or "defaults",
)
def test_parameters_keep_values_and_types(saved, params):
    clf = TransferClassifier(**params)
    loaded = saved(clf)
    for name, value in clone(loaded).get_params().items():
        expected = clf.get_params()[name]
        assert type(value) is type(expected)
        if isinstance(expected, np.ndarray):
            assert value.dtype == expected.dtype
            assert value.shape == expected.shape
            assert_array_equal(value, expected)
        else:
            assert value == expected
    assert not hasattr(loaded, "classes_")


def test_a_random_state_keeps_its_place(saved):
    clf = TransferClassifier(random_state=np.random.RandomState(3))
    clf.random_state.normal(size=3)
    loaded = saved(clf).random_state
    assert_array_equal(loaded.normal(size=700), clf.random_state.normal(size=700))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"memory": Memory(None)}, "params/memory is of type Memory, which files .* pickle"),
        ({"pretrain_classes": np.array([1, 2], "m8[s]")}, "params/pretrain_classes: .*'<m8.s.'"),
        ({"pretrain_classes": [1, 2j]}, r"pretrain_classes\[1\] is of type complex"),
        (
            {"random_state": np.random.RandomState(np.random.PCG64(0))},
            "random_state is a RandomState of PCG64.*an int",
        ),
    ],
    ids=["memory", "dates", "element", "random_state"],
)
def test_what_files_cannot_hold_is_an_error_that_names_it(saved, params, message):
    with pytest.raises(TypeError, match=message):
        saved(TransferClassifier(**params))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"epochs": -1}, "'epochs' parameter of TransferClassifier"),
        ({"recipe": Recipe(weight_decay=-1)}, "'weight_decay' parameter of Recipe"),
    ],
    ids=["epochs", "recipe"],
)
def test_a_parameter_that_fit_would_refuse_is_not_saved(saved, params, message):
    with pytest.raises(ValueError, match=rf"load would refuse.* {message} .*-1 .*Set a valid"):
        saved(TransferClassifier(**params))


@pytest.mark.parametrize("value", [TransferClassifier, "a", None])
def test_only_estimators_are_saved(saved, value):
    with pytest.raises(TypeError, match="estimator must be an instance of an estimator"):
        saved(value)


# -- Fitted state ------------------------------------------------------------------------------


def test_fitted_attributes_are_kept(saved, fitted, fashion):
    X, y = fashion
    loaded = saved(fitted)
    assert vars(loaded).keys() == vars(fitted).keys()
    for name, value in vars(fitted).items():
        if name.endswith("_") and not name.startswith("_"):
            assert_array_equal(getattr(loaded, name), value)
    assert loaded.history_ == fitted.history_
    assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.score(X, y) == fitted.score(X, y)


def test_arrays_that_are_mapped_into_memory_are_saved(saved, fitted, fashion, tmp_path):
    joblib.dump(fitted, tmp_path / "a.joblib")
    mapped = joblib.load(tmp_path / "a.joblib", mmap_mode="r")
    assert np.memmap in map(type, mapped._fitted.weights.values())
    assert_array_equal(saved(mapped).predict_proba(fashion[0]), fitted.predict_proba(fashion[0]))


@pytest.mark.parametrize(
    "labels",
    [
        *([0, 1], ["a", "bcd"], [False, True], [1.0, 2.0]),
        *(np.array(["a", "b"], "O"), np.array([1, 2], "u1"), np.array(["a", "b"], "U9")),
    ],
    ids=str,
)
def test_labels_keep_their_type(saved, make, lt5, labels):
    X, y = lt5
    X, y = X[y < 2], np.asarray(labels)[y[y < 2]]
    clf = make(epochs=0).fit(X, y)
    loaded = saved(clf)
    assert loaded.classes_.dtype == y.dtype
    assert loaded.source_classes_.dtype == clf.source_classes_.dtype
    assert_array_equal(loaded.predict(X), clf.predict(X))


def test_names_of_columns_are_kept(saved, make, lt5):
    pandas = pytest.importorskip("pandas")
    X, y = lt5
    frame = pandas.DataFrame(X.reshape(len(X), -1)).add_prefix("pixel")
    loaded = saved(make(epochs=0).fit(frame, y))
    assert loaded.predict(frame).shape == y.shape
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame.rename(columns={"pixel0": "other"}))


@pytest.mark.parametrize("how", ["warm_start", "partial_fit"])
def test_training_goes_on_with_the_same_bits(saved, make, lt5, how):
    X, y = lt5
    clf = make(warm_start=True, epochs=1)
    further = clf.fit if how == "warm_start" else clf.partial_fit
    further(X, y) if how == "warm_start" else further(X, y, classes=range(5))
    loaded = saved(clf)
    getattr(loaded, "fit" if how == "warm_start" else how)(X[:50], y[:50])
    further(X[:50], y[:50])
    assert len(loaded.history_["loss"]) == 2
    assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_prediction_uses_no_folder_that_a_file_names(saved, make, lt5, tmp_path):
    X, y = lt5
    clf = make(epochs=1, memory=tmp_path / "memory", freeze_until="features").fit(X, y)
    expected = clf.predict_proba(X)
    skfashion.clear_memory(tmp_path / "memory")
    loaded = saved(clf)
    assert_array_equal(loaded.predict_proba(X), expected)
    assert loaded.memory == clf.memory
    assert skfashion.memory_report(tmp_path / "memory")["bytes"] == 0


def test_callbacks_are_left_out_with_a_warning(saved):
    clf = TransferClassifier(epochs=3).set_callbacks(ProgressBar())
    with pytest.warns(UserWarning, match=r"leaves out the attributes \['_skl_callbacks'\].*again"):
        loaded = saved(clf)
    assert loaded.epochs == 3


def test_requests_and_own_attributes_are_left_out_with_a_warning(saved):
    with config_context(enable_metadata_routing=True):
        clf = TransferClassifier(epochs=3).set_fit_request(sample_weight=True)
    clf.note = "mine"
    with pytest.warns(
        UserWarning, match=r"leaves out the attributes .*'_metadata_request', 'note'"
    ):
        loaded = saved(clf)
    assert not hasattr(loaded, "note")
    assert loaded.epochs == 3


def test_backbones_are_backbones(saved):
    with pytest.raises(TypeError, match="backbones must be a list of Backbone, got 'vgg16'"):
        saved(TransferClassifier(), backbones=["vgg16"])
    with pytest.raises(TypeError, match="The 'backbones' parameter of load must be an instance of"):
        saved(TransferClassifier(), backbones=RESIDUAL)


# -- Files -------------------------------------------------------------------------------------


def test_a_write_that_fails_leaves_the_old_file(fitted, tmp_path, limit_files):
    path = tmp_path / "a.skf"
    TransferClassifier(epochs=3).save(path)
    limit_files(100_000)
    with pytest.raises(OSError, match=r"a\.skf' could not be written: File too large"):
        fitted.save(path)
    assert load(path).epochs == 3
    assert [*tmp_path.iterdir()] == [path]


def test_the_path_may_be_a_link(tmp_path):
    target, link = tmp_path / "target.skf", tmp_path / "link.skf"
    link.symlink_to(target)
    BackboneFeatures(layer="conv1").save(str(link))
    assert link.is_symlink()
    assert load(link).layer == load(target).layer == "conv1"


@pytest.mark.parametrize("action", [load, TransferClassifier().save], ids=["load", "save"])
def test_a_folder_or_file_that_is_not_there_is_named(action, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none/a\.skf'.*there is no"):
        action(tmp_path / "none" / "a.skf")


@pytest.mark.parametrize("action", [load, TransferClassifier().save], ids=["load", "save"])
def test_a_path_is_a_path_and_no_folder(action, tmp_path):
    with pytest.raises(IsADirectoryError, match=r"path='.*' is a folder\. Name a file"):
        action(tmp_path)
    assert list(tmp_path.iterdir()) == []
    for other in (None, 3, b"a.skf", tmp_path.iterdir()):
        with pytest.raises(TypeError, match=r"The 'path' parameter of (load|save) must be"):
            action(other)


# -- Pickles -----------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [TransferClassifier(epochs=3), BackboneFeatures()])
def test_a_pickle_of_another_version_warns(estimator, monkeypatch):
    monkeypatch.setattr(backbone_estimator, "__version__", "0.0.9")
    old = pickle.dumps(estimator)
    monkeypatch.undo()
    name = type(estimator).__name__
    with pytest.warns(InconsistentVersionWarning, match=rf"{name} from version skfashion 0\.0\.9"):
        loaded = pickle.loads(old)
    assert vars(loaded) == vars(estimator)
    assert vars(pickle.loads(pickle.dumps(estimator))) == vars(estimator)


def test_a_pickle_without_a_version_warns():
    state = TransferClassifier().__getstate__()
    del state["_skfashion_version"]
    with pytest.warns(InconsistentVersionWarning, match=r"skfashion pre-0\.1\.0"):
        TransferClassifier().__setstate__(state)


def test_a_folder_that_may_not_be_written_is_an_error():
    program = """
        import os, sys
        from skfashion._atomic_files import resolve_output
        if os.geteuid() == 0:  # which may write anywhere
            os.setuid(65534)
        try:
            resolve_output(sys.argv[1], "--out")
        except PermissionError as error:
            print(error)
    """
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        path = Path(folder, "model.skf").resolve()
        command = [sys.executable, "-c", textwrap.dedent(program), path]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == (
        f"--out={str(path)!r}: the folder {str(path.parent)!r} is not writable. Name a file in "
        "another folder.\n"
    )
