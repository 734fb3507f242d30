"""What TensorFlow writes to standard error while it starts."""

import os

import pytest

from skfashion._keras.tensorflow import silent_standard_error


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
