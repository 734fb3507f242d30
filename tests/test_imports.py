"""What importing the package costs, and what is said where TensorFlow is missing."""

import os
import subprocess
import sys
import textwrap

import pytest


def run(program, **environment):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_import_loads_no_tensorflow():
    done = run(
        """
        import sys
        import skfashion, skfashion.datasets, skfashion.inspection, skfashion.model_selection
        skfashion.TransferClassifier().get_params()
        skfashion.BackboneFeatures().get_params()
        print(skfashion.list_backbones()[:3])
        print([name for name in ("tensorflow", "keras", "matplotlib") if name in sys.modules])
        """
    )
    assert done.stdout.split("\n")[:2] == ["['small_cnn', 'vgg16', 'resnet50']", "[]"]
    assert done.stderr == ""


FIT = """
    import skfashion
    from skfashion.datasets import load_fashion_sample
    X, y = load_fashion_sample(subset="test", return_X_y=True)
    clf = skfashion.TransferClassifier(epochs=1, dtype="float64").fit(X, y)
    clf.predict(X)
"""


def test_no_start_up_noise():
    done = run(FIT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_tensorflow_fit_says_what_to_install():
    blocked = """
    import sys
    sys.modules["tensorflow"] = None
    """
    done = run(textwrap.dedent(blocked) + textwrap.dedent(FIT))
    assert done.returncode == 1
    last = done.stderr.strip().split("\n")[-1]
    assert last.startswith("ModuleNotFoundError: skfashion computes with TensorFlow")
    assert 'pip install "skfashion[tensorflow]"' in last


@pytest.mark.parametrize("level", ["0", None])
def test_log_level_of_the_user_is_kept(level):
    done = run(
        """
        import os
        import skfashion._keras.tensorflow
        print(os.environ.get("TF_CPP_MIN_LOG_LEVEL"))
        """,
        **({} if level is None else {"TF_CPP_MIN_LOG_LEVEL": level}),
    )
    assert done.stdout.strip() == str(level)


def test_keras_on_another_backend_is_an_error():
    done = run(FIT, KERAS_BACKEND="numpy")
    last = done.stderr.strip().split("\n")[-1]
    assert last.startswith("ImportError: skfashion needs Keras on TensorFlow")
    assert "KERAS_BACKEND=tensorflow" in last


def test_verbose_lines_are_seen_without_any_logging_set_up():
    done = run(FIT.replace("epochs=1,", "epochs=1, verbose=1,"))
    assert done.stderr.startswith("fine-tune epoch 1/1: loss ")
