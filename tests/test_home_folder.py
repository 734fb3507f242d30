"""Paths that begin with ``~``: the home folder, or the name of a file."""

import pwd
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal

from skfashion import ModelCard, TransferClassifier, load, save
from skfashion._home_folder import expand_home
from skfashion.datasets import load_image_folder


def test_the_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = [expand_home(path) for path in ("~", "~/a.skf", Path("~/a.skf"), "b/~", "~a.skf")]
    home = tmp_path, tmp_path / "a.skf", tmp_path / "a.skf"
    assert found == [*home, Path("b/~"), Path("~a.skf")]
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    with pytest.raises(RuntimeError, match="home directory"):
        expand_home("~/a.skf")


def test_the_name_of_a_file_may_begin_as_that_of_a_user(small, make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for action in (load, TransferClassifier(weights="~a.safetensors").fit):
        with pytest.raises(FileNotFoundError, match=r"~a\.s.*: there is no such file"):
            action(*(["~a.skf"] if action is load else small))
    clf = make(epochs=0).fit(*small)
    save(clf, "~a.skf")
    clf.save_backbone_weights("~a.safetensors")
    ModelCard("A", {}).save("~a.md")
    assert {path.name for path in tmp_path.iterdir()} == {"~a.skf", "~a.safetensors", "~a.md"}
    loaded = load("~a.skf")
    assert_array_equal(loaded.predict_proba(small[0]), clf.predict_proba(small[0]))
    make(weights="~a.safetensors", memory="~m", checkpoint="~c").fit(*small)
    assert {"~m", "~c"} < {path.name for path in tmp_path.iterdir()}
    with pytest.raises(FileNotFoundError, match=r"~photos': there is no such folder"):
        load_image_folder("~photos")
