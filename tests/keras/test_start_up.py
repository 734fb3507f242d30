"""What TensorFlow writes to standard error while it starts."""

import os
import tempfile

import pytest

from skfashion._keras.tensorflow import silent_standard_error
from tests.programs import run_program


def start(error):
    with silent_standard_error():
        os.write(2, b"notice")
        raise error


@pytest.mark.parametrize(
    ("error", "shown"), [(ValueError, "notice"), (KeyboardInterrupt, "")], ids=["failure", "Ctrl-C"]
)
def test_notices_are_shown_after_a_failure_only(error, shown, capfd):
    with pytest.raises(error):
        start(error)
    assert capfd.readouterr().err == shown


def test_without_a_folder_for_temporary_files_notices_are_shown(tmp_path, monkeypatch, capfd):
    free = os.dup(2)
    os.close(free)
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
        with silent_standard_error():
            os.write(2, b"notice")
    assert capfd.readouterr().err == "notice"
    number = os.dup(2)
    os.close(number)
    assert number == free


WITHOUT_FOLDER = """
import tempfile
tempfile.tempdir = "none/at/all"
from skfashion._keras.tensorflow import tf
print(tf.ones(3).numpy().sum())
"""


def test_tensorflow_is_imported_without_a_folder_for_temporary_files(tmp_path):
    assert run_program(WITHOUT_FOLDER, folder=tmp_path).stdout == "3.0\n"
