"""The object of a model card: its files, its sections, and its look in notebooks."""

import os

import pytest

from skfashion import ModelCard
from tests.reporting.pages import Page


def test_the_page_and_its_picture_are_saved(hostile, tmp_path):
    clf, X, labels = hostile
    card = clf.card(X, labels)
    card.save(tmp_path / "my card.md")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "my card.md",
        "my card_confusion_matrix.png",
    ]
    page = (tmp_path / "my card.md").read_text(encoding="utf-8")
    assert Page(page).pictures == ["my%20card_confusion_matrix.png"]
    picture = (tmp_path / "my card_confusion_matrix.png").read_bytes()
    assert picture == card.pictures["confusion_matrix.png"]
    assert picture.startswith(b"\x89PNG")
    assert page.replace("my%20card_", "") == f"{card}\n"


def test_a_failure_leaves_the_old_page(tmp_path):
    card = ModelCard("New", {"A": "![a](a.png)"}, {"a.png": b"png"})
    (tmp_path / "card.md").write_text("old")
    (tmp_path / "card_a.png").mkdir()
    (tmp_path / "card_a.png" / "file").touch()
    with pytest.raises(OSError, match=r"card_a.png"):
        card.save(tmp_path / "card.md")
    assert (tmp_path / "card.md").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.md", "card_a.png"]


@pytest.mark.parametrize("large", ["page", "picture"])
def test_a_full_disk_leaves_the_old_files(tmp_path, limit_files, large):
    """Few bytes are written by the last flush, after the other file was complete."""
    old = {"card.md": "old page", "card_a.png": "old picture"}
    for name, content in old.items():
        (tmp_path / name).write_text(content)
    page, picture = ("x" * 2000, b"png") if large == "page" else ("x", b"png" * 700)
    card = ModelCard("New", {"A": page}, {"a.png": picture})
    limit_files(1000)
    file = {"page": r"card\.md", "picture": r"card_a\.png"}[large]
    message = rf"path='.*{file}' could not be written: File too large\. The file takes 2,\d+ bytes"
    with pytest.raises(OSError, match=message):
        card.save(tmp_path / "card.md")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == old


def test_a_name_may_be_bytes_that_are_no_text(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.md")
    ModelCard("A", {"B": "![b](b.png)"}, {"b.png": b"png"}).save(path)
    assert Page(path.read_text()).pictures == ["%FF_b.png"]
    names = {os.fsencode(each.name) for each in tmp_path.iterdir()}
    assert names == {b"\xff.md", b"\xff_b.png"}


def test_a_link_in_a_label_stays_text(hostile, tmp_path):
    clf, X, labels = hostile
    card = clf.card(X, labels)
    shown = [row[0] for row in Page(str(card)).table("label")]
    assert any("](confusion_matrix.png)" in label for label in shown)
    card.save(tmp_path / "card.md")
    for text in ((tmp_path / "card.md").read_text(), card._repr_markdown_()):
        assert [row[0] for row in Page(text).table("label")] == shown


def test_folders_are_named_in_errors(tmp_path):
    card = ModelCard("A", {})
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing"):
        card.save(tmp_path / "missing" / "card.md")
    with pytest.raises(IsADirectoryError, match="Name a file in it"):
        card.save(tmp_path)


def test_bytes_that_are_no_text_are_replaced(tmp_path):
    ModelCard("a\udc80", {}).save(tmp_path / "card.md")
    assert (tmp_path / "card.md").read_text() == "# a?\n"


def test_sections_can_be_changed_and_are_a_template_of_skops(fitted):
    from skops.card import Card

    card = fitted.card()
    card.sections["Limits"] = "It knows *clothes* only."
    assert str(card).endswith("## Limits\n\nIt knows *clothes* only.")
    rendered = Card(fitted, template=card.sections, model_diagram=False).render()
    assert Page(rendered).headings == Page(str(card)).headings[1:]
    assert Page(rendered).tables == Page(str(card)).tables


def test_notebooks_show_the_picture(hostile):
    clf, X, labels = hostile
    card = clf.card(X, labels)
    (source,) = Page(card._repr_markdown_()).pictures
    assert source.startswith("data:image/png;base64,")
    assert repr(card).startswith("ModelCard('Image classifier (small_cnn)', sections=['Model'")
