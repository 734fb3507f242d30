"""`predict`: lines of CSV, and files that cannot be read."""

import csv
import os
import shutil
from io import BytesIO, TextIOWrapper
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skfashion
from skfashion._command_line.prediction import expand_path, predict_labels
from skfashion.datasets import load_image_folder
from tests.command_line.conftest import ODD, PLAIN


def test_lines_are_the_predictions_of_python(run, model, photos):
    X, _ = load_image_folder(photos, return_X_y=True)
    clf = skfashion.load(model)
    code, lines, errors = run("predict", model, photos)
    assert (code, errors, lines[0]) == (0, [], "file,label,probability")
    files, labels, probabilities = zip(*csv.reader(lines[1:]), strict=True)
    assert list(files) == X.tolist()
    assert list(labels) == clf.predict(X).tolist()
    assert_allclose([*map(float, probabilities)], clf.predict_proba(X).max(axis=1), atol=1e-6)


def test_files_and_folders_keep_their_order(run, model, tmp_path):
    (tmp_path / "deep" / ".hidden").mkdir(parents=True)
    for name in ("b.png", "deep/a.PNG", "deep/.hidden/c.png", "deep/d.txt", "e"):
        Image.new("L", (9, 7)).save(tmp_path / name, format="png")
    code, lines, _ = run("predict", model, tmp_path / "e", tmp_path / "deep", tmp_path / "b.png")
    assert code == 0
    files = [row[0] for row in csv.reader(lines[1:])]
    assert files == [str(tmp_path / name) for name in ("e", "deep/a.PNG", "b.png")]


def test_bad_files_are_named_and_the_others_predicted(run, model, photos, tmp_path):
    good = [str(path) for path in sorted((photos / PLAIN).iterdir())[:3]]
    png = (photos / PLAIN / "<i>0.png").read_bytes()
    bad = {
        "cut.png": (png[: len(png) // 2], "image file is truncated"),
        "text.png": (b"text", "it is not an image of the formats"),
        "empty.png": (b"", "it is empty"),
    }
    for name, (content, _) in bad.items():
        (tmp_path / name).write_bytes(content)
    bad[f"{'long' * 99}.png"] = b"", "File name too long"
    paths = [str(tmp_path / name) for name in [*bad, "none.png"]]
    code, lines, errors = run("predict", model, good[0], *paths[:2], good[1], *paths[2:], good[2])
    assert code == 1
    assert [row[0] for row in csv.reader(lines[1:])] == good
    expected = [*(message for _, message in bad.values()), "No such file or directory"]
    assert len(errors) == len(expected)
    for line, path, message in zip(
        sorted(errors), sorted(paths), sorted_by(paths, expected), strict=True
    ):
        assert line.startswith(f"skfashion: error: {path}: {message}")


def sorted_by(keys, values):
    return [value for _, value in sorted(zip(keys, values, strict=True))]


def test_a_name_that_is_no_text_is_printed_as_its_bytes(model, photos, tmp_path, capfdbinary):
    from skfashion.__main__ import main

    name = os.fsencode(tmp_path) + b"/\xff.png"
    Path(os.fsdecode(name)).write_bytes((photos / PLAIN / "<i>0.png").read_bytes())
    assert main(["predict", model, os.fsdecode(name)]) == 0
    assert capfdbinary.readouterr().out.splitlines()[1].startswith(name)


def test_characters_that_the_output_lacks_are_escapes(model, photos, tmp_path, monkeypatch):
    from skfashion.__main__ import main

    path = tmp_path / "é 日.png"
    path.write_bytes((photos / PLAIN / "<i>0.png").read_bytes())
    output = TextIOWrapper(BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", output)
    assert main(["predict", model, str(path)]) == 0
    assert "é \\u65e5.png," in output.buffer.getvalue().decode("latin-1")


def test_a_model_that_takes_no_files_is_a_line(run, photos, tmp_path):
    X = np.zeros((4, 9))
    skfashion.save(LogisticRegression().fit(X, [0, 1] * 2), tmp_path / "linear.skf")
    code, lines, errors = run("predict", tmp_path / "linear.skf", photos / PLAIN / "<i>0.png")
    assert (code, len(lines), len(errors)) == (1, 1, 1)
    assert "Expected 2D array" in errors[0]


def test_a_pipeline_predicts(run, photos, tmp_path):
    X, y = load_image_folder(photos, return_X_y=True)
    features = skfashion.BackboneFeatures(input_size=8, random_state=0)
    skfashion.save(make_pipeline(features, LogisticRegression()).fit(X, y), tmp_path / "pipe.skf")
    code, lines, errors = run("predict", tmp_path / "pipe.skf", X[0])
    assert (code, len(lines), errors) == (0, 2, [])


def test_the_label_is_that_of_predict(run, cautious, photos, tmp_path):
    X, _ = load_image_folder(photos, return_X_y=True)
    skfashion.save(cautious, tmp_path / "cautious.skf")
    code, lines, errors = run("predict", tmp_path / "cautious.skf", photos)
    assert (code, errors) == (0, [])
    _, labels, probabilities = zip(*csv.reader(lines[1:]), strict=True)
    assert list(labels) == cautious.predict(X).tolist()
    expected = cautious.predict_proba(X)
    assert set(cautious.classes_[expected.argmax(axis=1)]) == {ODD, PLAIN} > set(labels)
    columns = np.searchsorted(cautious.classes_, labels)
    assert_allclose([*map(float, probabilities)], expected[np.arange(len(X)), columns], atol=1e-6)


def test_patterns_are_expanded_where_the_shell_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos", "deep").mkdir(parents=True)
    for name in ("b.png", "a.png", "c.txt", "deep/d.png", "deep/e.txt", "[a].png"):
        Path("photos", name).touch()
    found = {
        "photos/*.png": ["photos/[a].png", "photos/a.png", "photos/b.png"],
        "photos/[a].png": ["photos/[a].png"],
        "photos/d*": ["photos/deep/d.png"],
        "photos/none*": ["photos/none*"],
        "photos": ["photos/[a].png", "photos/a.png", "photos/b.png", "photos/deep/d.png"],
    }
    assert {path: expand_path(path, has_patterns=True) for path in found} == found
    assert expand_path("photos/*.png", has_patterns=False) == ["photos/*.png"]
    Path("photos", "empty").mkdir()
    with pytest.raises(ValueError, match="'photos/empty' has no images"):
        expand_path("photos/e*", has_patterns=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.write_bytes(b"no model"), "cannot be loaded"),
        (skfashion.BackboneFeatures().save, "got BackboneFeatures"),
        (skfashion.TransferClassifier().save, "not fitted"),
    ],
    ids=["none", "other", "features", "unfitted"],
)
def test_what_is_no_fitted_classifier_is_an_error(make, message, run, photos, tmp_path):
    path = tmp_path / "model.skf"
    make(path)
    code, lines, errors = run("predict", path, photos)
    assert (code, lines, len(errors)) == (1, [], 1)
    assert message in errors[0]


def test_a_folder_without_images_is_an_error(run, model, tmp_path):
    code, lines, errors = run("predict", model, tmp_path)
    assert (code, lines) == (1, [])
    assert errors == [
        f"skfashion: error: {str(tmp_path)!r} has no images. Name image files, or a folder of them."
    ]


def search_of(model):
    return GridSearchCV(model, {"logisticregression__C": [0.1, 1]}, cv=2)


@pytest.mark.parametrize("name", ["0001", "1e5", "nan"])
def test_a_name_may_be_a_number(run, model, photos, tmp_path, monkeypatch, name):
    X, _ = load_image_folder(photos, return_X_y=True)
    shutil.copy(X[0], tmp_path / name)
    monkeypatch.chdir(tmp_path)
    code, lines, errors = run("predict", model, name)
    assert (code, errors) == (0, [])
    _, expected, _ = run("predict", model, X[0])
    (_, (_, *found)), (_, (_, *wanted)) = csv.reader(lines), csv.reader(expected)
    assert found == wanted


@pytest.mark.parametrize("wrap", [lambda model: model, search_of], ids=["alone", "search"])
def test_features_of_a_pipeline_are_computed_once(wrap):
    calls = []

    def count(X):
        calls.append(len(X))
        return X

    X, y = np.arange(12.0)[:, None], np.arange(12) % 3
    model = wrap(make_pipeline(FunctionTransformer(count), LogisticRegression())).fit(X, y)
    calls.clear()
    labels, probabilities = predict_labels(model, X)
    assert calls == [12]
    assert labels.tolist() == model.predict(X).tolist()
    assert_allclose(probabilities, model.predict_proba(X).max(axis=1))
