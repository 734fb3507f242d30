"""The commands as a user runs them: in a process, one after the other."""

import csv
import io

from numpy.testing import assert_allclose

import skfashion
from tests.command_line.conftest import FIT, PLAIN, write_photos
from tests.programs import run_program

ALL_COMMANDS = """
    import os, runpy, sys
    for words in {commands!r}:
        sys.argv = ["skfashion", *words]
        for stream in (sys.stdout, sys.stderr):
            print("---", file=stream, flush=True)
        try:
            runpy.run_module("skfashion", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            assert end.code == 0, end.code
"""


def test_fit_predict_and_evaluate_print_what_they_should_and_nothing_else(tmp_path):
    photos = write_photos(tmp_path / "photos")
    commands = [
        ["fit", "photos", "--out", "model.skf", *FIT],
        ["predict", "model.skf", f"photos/{PLAIN}"],
        ["evaluate", "model.skf", "photos", "--report", "report.html"],
    ]
    done = run_program(ALL_COMMANDS.format(commands=commands), folder=tmp_path)
    # No start-up messages of TensorFlow, and no warnings.
    assert done.stderr == "---\n" * 3
    _, fitted, predicted, evaluated = done.stdout.split("---\n")
    assert "TransferClassifier - fit" in fitted
    assert fitted.splitlines()[-2].startswith("Accuracy on 5 held-out images: ")
    assert fitted.splitlines()[-1] == "Model: model.skf"
    rows = list(csv.DictReader(io.StringIO(predicted)))
    assert [row["file"] for row in rows] == sorted(
        str(path.relative_to(tmp_path)) for path in (photos / PLAIN).iterdir()
    )
    clf = skfashion.load(tmp_path / "model.skf")
    probabilities = clf.predict_proba([tmp_path / row["file"] for row in rows])
    assert [row["label"] for row in rows] == clf.classes_[probabilities.argmax(axis=1)].tolist()
    assert_allclose(
        [float(row["probability"]) for row in rows], probabilities.max(axis=1), atol=1e-5
    )
    assert evaluated.startswith("Accuracy on 24 images: ")
    assert evaluated.splitlines()[-1] == "Report: report.html"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "model.skf",
        "photos",
        "report.html",
    ]
