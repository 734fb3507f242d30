"""`evaluate`: scores, and the page."""

import re
import shutil
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_fscore_support
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer

import skfashion
from skfashion._command_line.evaluation import FileEvaluation, evaluate_files
from skfashion._command_line.report import write_report
from skfashion._reporting.evaluation import Evaluation
from skfashion._reporting.pictures import draw_confusion_matrix
from skfashion.datasets import load_image_folder
from tests.command_line.conftest import ODD, PLAIN, write_photos

TWO = np.array([ODD, PLAIN])
NO_MISTAKES = FileEvaluation(
    y_true=TWO,
    y_pred=TWO,
    known_labels=TWO,
    files=np.array(["a.png", "b.png"]),
    confidence=np.ones(2),
)
NAMES = ["black", "dark", "grey", "pale"]
VOID = {"meta", "img"}


class Page(HTMLParser):
    """The elements of a page, their attributes, and the text in them."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.open[-1], data.strip()))

    def texts_in(self, tag):
        return [text for inside, text in self.texts if inside == tag]


@pytest.fixture(scope="module")
def upside_down(photos, tmp_path_factory):
    """The images with their classes exchanged, so that there are mistakes."""
    folder = tmp_path_factory.mktemp("photos")
    for name, other in ((ODD, PLAIN), (PLAIN, ODD)):
        shutil.copytree(photos / name, folder / other)
    return folder


@pytest.fixture(scope="module")
def text(model, upside_down, tmp_path_factory):
    from skfashion.__main__ import main

    page = tmp_path_factory.mktemp("page") / "report.html"
    assert main(["evaluate", model, str(upside_down), "--report", str(page)]) == 0
    assert [path.name for path in page.parent.iterdir()] == ["report.html"]
    return page.read_text(encoding="utf-8")


def test_scores_are_those_of_python(run, model, photos):
    X, y = load_image_folder(photos, return_X_y=True)
    code, lines, errors = run("evaluate", model, photos)
    assert (code, errors) == (0, [])
    accuracy = skfashion.load(model).score(X, y)
    assert lines[0] == f"Accuracy on 24 images: {accuracy:.3f}"
    precision, recall, _, _ = precision_recall_fscore_support(y, skfashion.load(model).predict(X))
    (line,) = [line.split() for line in lines if line.strip().startswith(PLAIN)]
    assert line[1:3] == [f"{precision[1]:.3f}", f"{recall[1]:.3f}"]
    assert line[-1] == "12"


def test_the_page_needs_no_other_file(text):
    page = Page(text)
    sources = [value for _, each in page.elements for name, value in each.items() if name == "src"]
    assert len(sources) > 2
    assert all(re.match(r"data:image/(png|jpeg);base64,[\w+/=]+$", each) for each in sources)
    assert not {tag for tag, _ in page.elements} & {"script", "link", "iframe", "object", "base"}
    assert not [each for _, each in page.elements if "href" in each or "style" in each]
    assert not re.search(r"https?:|//|@import|url\(", re.sub(r"base64,[\w+/=]+", "", text))
    assert "prefers-color-scheme: dark" in text


def test_names_are_text_and_no_elements(text, upside_down):
    page = Page(text)
    assert not {tag for tag, _ in page.elements} & {"i"}
    cells = page.texts_in("td")
    assert ODD in cells
    assert PLAIN in cells
    files = page.texts_in("small")
    alternatives = [each.get("alt") for tag, each in page.elements if tag == "img"]
    shown = [each for each in files if each.endswith(".png")]
    assert shown
    assert set(shown) <= set(alternatives)
    assert all((upside_down / each).is_file() for each in shown)


def test_the_page_has_scores_model_and_versions(text, model, upside_down):
    page = Page(text)
    X, y = load_image_folder(upside_down, return_X_y=True)
    clf = skfashion.load(model)
    assert f"{clf.score(X, y):.3f}" in page.texts_in("strong")
    n_mistakes = int((clf.predict(X) != y).sum())
    assert f"The 12 most confident of {n_mistakes} mistakes among 24 images." in page.texts_in("p")
    assert repr(clf) in page.texts_in("pre")
    facts = dict(zip(page.texts_in("dt"), page.texts_in("dd"), strict=True))
    assert facts["skfashion"] == skfashion.__version__
    assert facts["trained parameters"] == f"{clf.n_trainable_params_:,}"
    assert facts["folder"] == str(upside_down)


def test_the_page_describes_each_of_several_networks(photos, tmp_path):
    X, y = load_image_folder(photos, return_X_y=True)
    union = make_union(
        *(skfashion.BackboneFeatures(layer=layer, input_size=8) for layer in ("conv1", "conv2"))
    )
    model = make_pipeline(union, LogisticRegression()).fit(X, y)
    write_report(tmp_path / "page.html", NO_MISTAKES, model, "model.skf", "photos")
    page = Page((tmp_path / "page.html").read_text())
    facts = dict(zip(page.texts_in("dt"), page.texts_in("dd"), strict=True))
    prefix = "featureunion__backbonefeatures"
    assert [facts[f"{prefix}-{n}: layer of the features"] for n in (1, 2)] == ["conv1", "conv2"]


def test_a_page_without_mistakes(model, tmp_path):
    write_report(tmp_path / "page.html", NO_MISTAKES, skfashion.load(model), "model.skf", "photos")
    page = Page((tmp_path / "page.html").read_text())
    assert "No mistakes among 2 images." in page.texts_in("p")
    assert "1.000" in page.texts_in("strong")


def test_mistakes_are_shown_as_the_network_sees_them(photos, tmp_path):
    X, y = load_image_folder(photos, return_X_y=True)
    inverts = {"pixel_range": (255, 0), "resize": "pad", "input_size": 8}
    clf = skfashion.TransferClassifier(epochs=0, **inverts).fit(X, y)
    Image.new("L", (8, 4), 255).save(tmp_path / "white.png")
    mistake = replace(
        NO_MISTAKES, y_pred=TWO[::-1], files=np.array([str(tmp_path / "white.png")] * 2)
    )
    write_report(tmp_path / "page.html", mistake, clf, "model.skf", str(tmp_path))
    page = Page((tmp_path / "page.html").read_text())
    (source, _) = [
        each["src"] for _, each in page.elements if each.get("alt") == "white.png" and "src" in each
    ]
    shown = Image.open(BytesIO(b64decode(source.partition(",")[2])))
    # White becomes black, and padding is black.
    assert np.max(shown) < 10


def test_classes_that_the_model_lacks_count_as_mistakes(model, photos):
    files, y = load_image_folder(photos, return_X_y=True)
    evaluation = evaluate_files(skfashion.load(model), files, np.where(y == ODD, "other", y))
    assert evaluation.unknown_names == ["other"]
    assert evaluation.accuracy <= 0.5
    assert evaluation.confusion.sum() == len(y)


@pytest.mark.filterwarnings("default::UserWarning")
def test_classes_that_the_model_lacks_are_named(run, model, tmp_path):
    photos = write_photos(tmp_path / "photos", 2, labels=(PLAIN, "other"))
    code, _, errors = run("evaluate", model, photos)
    assert (code, len(errors)) == (0, 1)
    assert errors[0].startswith(f"skfashion: warning: {model} does not predict the classes other: ")


def test_labels_that_are_numbers_are_compared_by_name_and_source_classes_left_out(tmp_path):
    photos = write_photos(tmp_path / "photos", 4, labels=("0", "1", "2", "3"))
    files, names = load_image_folder(photos, return_X_y=True)
    clf = skfashion.TransferClassifier(
        pretrain_classes=[2, 3], pretrain_epochs=1, epochs=1, input_size=8, random_state=0
    ).fit(files, names.astype(int))
    evaluation = evaluate_files(clf, files, names)
    assert sorted(set(evaluation.y_true)) == ["0", "1"]
    assert evaluation.accuracy == clf.score(files, names.astype(int))
    assert_array_equal(evaluation.confidence, clf.predict_proba(files[:8]).max(axis=1))
    with pytest.raises(ValueError, match="No image is of a class that the model predicts, 0, 1"):
        evaluate_files(clf, files[8:], names[8:])


def test_scores_are_those_of_predict(run, cautious, photos, tmp_path):
    X, y = load_image_folder(photos, return_X_y=True)
    most_probable = cautious.classes_[cautious.predict_proba(X).argmax(axis=1)]
    assert cautious.score(X, y) < (most_probable == y).mean()
    skfashion.save(cautious, tmp_path / "cautious.skf")
    code, lines, errors = run("evaluate", tmp_path / "cautious.skf", photos)
    assert (code, errors) == (0, [])
    assert lines[0] == f"Accuracy on 24 images: {cautious.score(X, y):.3f}"


def test_images_of_one_class_are_enough(run, model, photos, tmp_path):
    shutil.copytree(photos / PLAIN, tmp_path / "photos" / PLAIN)
    code, lines, errors = run("evaluate", model, tmp_path / "photos")
    assert (code, errors) == (0, [])
    assert lines[0].startswith("Accuracy on 12 images: ")


def test_subfolders_of_other_names_are_an_error(run, model, tmp_path):
    photos = write_photos(tmp_path / "photos", 2, labels=("one", "two"))
    code, lines, errors = run("evaluate", model, photos)
    assert (code, lines, len(errors)) == (1, [], 1)
    assert "the subfolders are one, two. Name the subfolders after the classes." in errors[0]


@pytest.mark.parametrize("name", ["model.skf", "~model.skf"])
def test_a_report_does_not_replace_the_model(run, model, photos, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shutil.copy(model, name)
    code, lines, errors = run("evaluate", name, photos, "--report", name)
    assert (code, lines, len(errors)) == (1, [], 1)
    assert "is the file of the model. Name another file." in errors[0]
    assert Path(name).read_bytes() == Path(model).read_bytes()


def test_a_bad_file_is_an_error_that_names_it(run, model, tmp_path):
    photos = write_photos(tmp_path / "photos", 2)
    (photos / PLAIN / "bad.png").write_bytes(b"bad")
    page = tmp_path / "page.html"
    code, lines, errors = run("evaluate", model, photos, "--report", page)
    assert (code, lines, len(errors)) == (1, [], 1)
    assert "bad.png" in errors[0]
    assert not page.exists()


def test_many_classes_with_long_names_of_any_script_have_a_picture():
    names = np.array([f"$a_{n}^{{ 日本 {'x' * n}" for n in range(26)])
    many = Evaluation(names, names, names)
    picture, width = draw_confusion_matrix(many)
    assert picture.startswith(b"\x89PNG")
    assert 500 < width < 1500


@pytest.mark.parametrize("wraps", [False, True], ids=["alone", "in a pipeline"])
@pytest.mark.parametrize(
    "tasks",
    [{"target_classes": NAMES[:2]}, {"pretrain_classes": NAMES[2:]}],
    ids=["target classes", "class split"],
)
def test_images_outside_the_target_task_are_left_out_and_counted(run, tmp_path, tasks, wraps):
    folder = write_photos(tmp_path / "photos", labels=NAMES)
    X, y = load_image_folder(folder, return_X_y=True)
    clf = skfashion.TransferClassifier(
        **tasks, image_shape=(8, 8, 1), epochs=2, pretrain_epochs=1, random_state=0
    )
    model = make_pipeline(FunctionTransformer(), clf) if wraps else clf
    skfashion.save(model.fit(X, y), tmp_path / "model.skf")
    page = tmp_path / "page.html"
    code, lines, errors = run("evaluate", tmp_path / "model.skf", folder, "--report", page)
    assert (code, errors) == (0, [])
    assert lines[:2] == [
        f"Accuracy on 24 images: {clf.score(X, y):.3f}",
        "24 images outside the target task were left out.",
    ]
    parsed = Page(page.read_text(encoding="utf-8"))
    facts = dict(zip(parsed.texts_in("dt"), parsed.texts_in("dd"), strict=True))
    assert facts["images outside the target task"] == "24"
    among = "among 24 target-task images,\n24 images outside the target task left out."
    assert any(text.endswith(among) for text in parsed.texts_in("p"))


def test_a_matrix_of_two_long_names_has_room_for_its_cells():
    names = np.array(["diabetic_retinopathy_mil", "diabetic_retinopathy_non"])
    picture, _ = draw_confusion_matrix(Evaluation(names.repeat(500), names.repeat(500), names))
    pixels = np.asarray(Image.open(BytesIO(picture)).convert("RGB"))
    # Both cells of the diagonal are dark blue: a third of an inch in each direction at least.
    dark = (pixels == (8, 48, 107)).all(axis=-1)
    assert dark.sum() > 2 * (160 * 0.3) ** 2
