"""`fit`: what it passes on, what it holds out, and how it ends early."""

import re
import shutil
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import train_test_split

import skfashion
from skfashion.datasets import load_image_folder
from tests.command_line.conftest import FIT, ODD, PLAIN, write_photos


def test_the_model_is_the_one_that_python_fits(model, photos):
    X, y = load_image_folder(photos, return_X_y=True)
    train, _ = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=0)
    expected = skfashion.TransferClassifier("small_cnn", input_size=8, epochs=2, random_state=0)
    clf = skfashion.load(model)
    assert clf.get_params() == expected.get_params()
    assert clf.classes_.tolist() == [ODD, PLAIN]
    expected.fit(X[train], y[train])
    assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))


def test_options_are_passed_on(run, photos, tmp_path):
    path, checkpoint = tmp_path / "model.skf", tmp_path / "checkpoint"
    options = ["--freeze-until", "1", "--random-state", "7", "--test-size", "0"]
    done = run("fit", photos, "--out", path, *FIT, *options, "--checkpoint", checkpoint)
    assert done[0] == 0
    assert not any("held-out" in line for line in done[1])
    clf = skfashion.load(path)
    assert (clf.freeze_until, clf.freeze_point_, clf.random_state) == (1, "conv1", 7)
    assert checkpoint.is_dir()


def test_the_report_is_on_held_out_files(run, photos, tmp_path):
    page = tmp_path / "report.html"
    code, lines, errors = run(
        "fit", photos, "--out", tmp_path / "model.skf", *FIT, "--test-size", "0.5", "--report", page
    )
    assert (code, errors) == (0, [])
    assert lines[-3].startswith("Accuracy on 12 held-out images: ")
    assert " of 12 images" in page.read_text()


@pytest.mark.parametrize("exists", [False, True], ids=["new file", "old file"])
def test_an_interrupted_fit_saves_its_last_whole_epoch_but_replaces_no_file(
    exists, run, photos, tmp_path, interrupt_after
):
    path = tmp_path / "model.skf"
    if exists:
        path.write_bytes(b"old")
    interrupt_after(3)
    # The 12 images to train on are one batch, so each epoch is a window.
    options = ["--epochs", "50", "--test-size", "0.5"]
    code, lines, errors = run("fit", photos, "--out", path, *FIT, *options)
    assert code == 130
    assert not any(line.startswith("Model") for line in lines)
    assert errors[0].startswith("skfashion: warning: ")
    assert "interrupted by the user" in errors[0]
    if exists:
        assert errors[1:] == [f"skfashion: interrupted: {path} stays as it was."]
        assert path.read_bytes() == b"old"
    else:
        assert errors[1:] == [
            f"skfashion: interrupted: {path} has the weights of the last whole epoch."
        ]
        assert skfashion.load(path).n_iter_ == 2


@pytest.mark.parametrize("is_worse", [False, True])
def test_an_interrupted_fit_may_keep_the_probe(
    is_worse, run, photos, tmp_path, interrupt_after, monkeypatch
):
    X, y = load_image_folder(photos, return_X_y=True)
    body, path = tmp_path / "body.safetensors", tmp_path / "model.skf"
    clf = skfashion.TransferClassifier("small_resnet", epochs=0, input_size=16, random_state=0)
    clf.fit(X, y).save_backbone_weights(body)
    monkeypatch.setattr("skfashion._estimators.fit.is_worse", lambda *_: is_worse)
    interrupt_after(20)  # an epoch has a few windows
    options = ["--backbone", "small_resnet", "--weights", body, "--input-size", "16"]
    options += ["--freeze-until", "none", "--test-size", "0"]
    code, _, errors = run("fit", photos, "--out", path, *options)
    assert code == 130
    assert re.search(
        r"(\d+) were complete\. Training ends with the weights of epoch \1\.", errors[0]
    )
    kept = "linear probe" if is_worse else "weights of the last whole epoch"
    assert errors[1:] == [f"skfashion: interrupted: {path} has the {kept}."]
    assert skfashion.load(path).kept_probe_ is is_worse


@pytest.mark.usefixtures("python_handles_signals")
def test_ctrl_c_before_an_epoch_ends_without_a_traceback(run, photos, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(skfashion.TransferClassifier, "fit", interrupt)
    done = run("fit", photos, "--out", tmp_path / "model.skf", *FIT)
    assert done == (130, [], ["skfashion: interrupted"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backbone", "mobilenet_v3"], "--backbone: invalid choice: 'mobilenet_v3'"),
        (["--epochs", "many"], "--epochs: it must be an integer of at least 0, got 'many'"),
        (["--input-size", "0"], "--input-size: it must be an integer of at least 1, got '0'"),
        (["--test-size", "1"], "--test-size: it must be a number from 0 to less than 1"),
        (["--random-state", "-1"], "--random-state: "),
        (["--random-state", str(2**32)], "at most 4294967295, got '4294967296'"),
        (["--speed", "9"], "unrecognized arguments: --speed 9"),
    ],
    ids=str,
)
def test_wrong_usage_is_code_2(options, message, run, photos, tmp_path):
    code, lines, errors = run("fit", photos, "--out", tmp_path / "model.skf", *options)
    assert (code, lines) == (2, [])
    assert message in errors[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--weights", "imagenet"], "small_cnn"),
        (["--weights", "none.h5"], "none.h5"),
        (["--freeze-until", "conv7"], "freeze_until='conv7' is not one of"),
        (["--out", "no/model.skf"], "/no/model.skf': there is no folder"),
        (["--out", "."], "' is a folder. Name a file in it."),
        (["--report", "no/page.html"], "/no/page.html': there is no folder"),
        (["--report", "page.html", "--test-size", "0"], "--report needs held-out files"),
        (["--report", "./model.skf"], "./model.skf is the file of the model"),
        (
            ["--test-size", "0.01"],
            "--test-size=0.01 cannot hold out files of each class: there are 24 files of 2 "
            "classes, 12 of them of 'plain'. Each class needs a file to train on and one to "
            "hold out. Add files, set another share, or set --test-size=0.",
        ),
    ],
    ids=str,
)
def test_what_fit_cannot_do_is_one_line_and_no_file(
    options, message, run, photos, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, _, errors = run("fit", photos, "--out", "model.skf", *FIT, *options)
    assert (code, len(errors)) == (1, 1)
    assert errors[0].startswith("skfashion: error: ")
    assert message in errors[0]
    assert list(tmp_path.iterdir()) == []


def test_a_missing_rich_is_an_error_that_names_the_extra(run, photos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    code, lines, errors = run("fit", photos, "--out", tmp_path / "model.skf", *FIT)
    assert (code, lines, len(errors)) == (1, [], 1)
    assert 'rich, which is not installed: run `pip install "skfashion[cli]"`.' in errors[0]


def test_no_folder_is_an_error(run, tmp_path):
    code, lines, errors = run("fit", tmp_path / "none", "--out", tmp_path / "model.skf")
    assert (code, lines) == (1, [])
    assert "there is no such folder" in errors[0]


def test_files_are_checked_before_training(run, photos, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    for number in range(12):
        (folder / "plain" / f"{number}.jpg").write_text("no image")
    code, lines, errors = run("fit", folder, "--out", tmp_path / "model.skf", *FIT)
    assert (code, lines, len(errors)) == (1, [], 1)
    assert "12 of 36 images cannot be read" in errors[0]
    assert not (tmp_path / "model.skf").exists()


def test_each_class_has_a_file_to_train_on(run, tmp_path):
    folder = write_photos(tmp_path / "photos", 30, ["dark", "grey", "pale"])
    for path in sorted((folder / "pale").iterdir())[2:]:
        path.unlink()
    out = tmp_path / "model.skf"
    code, lines, errors = run("fit", folder, "--out", out, *FIT, "--test-size", "0.7")
    assert (code, lines) == (1, [])
    assert "--test-size=0.7 cannot hold out files of each class" in errors[0]


def test_the_home_folder_is_written_in_short(run, photos, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    code, lines, _ = run("fit", photos, "--out=~/model.skf", *FIT)
    assert (code, lines[-1]) == (0, f"Model: {tmp_path}/model.skf")
    shutil.copytree(photos, tmp_path / "photos")
    code, lines, errors = run("predict", "~/model.skf", "~/photos")
    assert (code, len(lines), errors) == (0, 25, [])
