"""Fresh processes: what they import, print and set, and how many threads they take."""

import os
import subprocess
import sys
import textwrap

import pytest


def join(*parts):
    """Return one program of several parts, each with an indent."""
    return "".join(textwrap.dedent(part) for part in parts)


def run(program, **environment):
    """Run a program where no variable sets threads or a log level but those given."""
    endings = "_THREADS", "_LOG_LEVEL"  # tf2onnx, which Keras imports, sets a log level
    others = {name: v for name, v in os.environ.items() if not name.endswith(endings)}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
        env={**others, **environment},
    )


IMPORT = """
    import sys
    import skfashion, skfashion.datasets, skfashion.inspection, skfashion.model_selection
    skfashion.TransferClassifier().get_params()
    skfashion.BackboneFeatures().get_params()
    print(skfashion.list_backbones()[:3])
    print([name for name in ("tensorflow", "keras", "matplotlib") if name in sys.modules])
    print("fit", file=sys.stderr)
    sys.modules["tensorflow"] = None
"""

FIT = """
    import skfashion
    from skfashion.datasets import load_fashion_sample
    X, y = load_fashion_sample(subset="test", return_X_y=True)
    X, y = X[:60], y[:60]
    clf = skfashion.TransferClassifier(epochs=1, dtype="float64").fit(X, y)
    clf.predict(X)
"""


REPORT = """
    import os
    from skfashion._keras.tensorflow import tf
    get = tf.config.threading
    print(get.get_intra_op_parallelism_threads(), get.get_inter_op_parallelism_threads())
    print(os.environ.get("TF_CPP_MIN_LOG_LEVEL"))
"""

FIT_WITH_ERROR = f"""
    import sys, textwrap
    try:
        exec(textwrap.dedent({FIT!r}))
    except ImportError as error:
        print(f"{{type(error).__name__}}: {{error}}")
    get = sys.modules["tensorflow"].config.threading
    print(get.get_intra_op_parallelism_threads(), get.get_inter_op_parallelism_threads())
"""

VERBOSE = """
    import sys
    print("verbose", file=sys.stdout)
    print("verbose", file=sys.stderr)
    clf.set_params(verbose=1).fit(X, y)
"""


@pytest.fixture(scope="module")
def after_fits():
    """What a process prints in a fit, in a fit with verbose=1, and of what it has set since.

    One process for several tests: to import TensorFlow takes seconds.
    """
    done = run(join(FIT, VERBOSE, REPORT))
    assert done.returncode == 0, done.stderr
    return {
        stream: getattr(done, stream).partition("verbose\n")[::2] for stream in ("stdout", "stderr")
    }


def test_no_start_up_noise(after_fits):
    assert (after_fits["stdout"][0], after_fits["stderr"][0]) == ("", "")


@pytest.fixture(scope="module")
def without_tensorflow():
    """A process that imports skfashion, and then fits where TensorFlow is not installed."""
    return run(join(IMPORT, FIT))


def test_import_loads_no_tensorflow(without_tensorflow):
    lines = without_tensorflow.stdout.split("\n")
    assert lines[:2] == ["['small_cnn', 'vgg16', 'resnet50']", "[]"]
    assert without_tensorflow.stderr.startswith("fit\n")  # nothing before it


def test_without_tensorflow_fit_says_what_to_install(without_tensorflow):
    assert without_tensorflow.returncode == 1
    last = without_tensorflow.stderr.strip().split("\n")[-1]
    assert last.startswith("ModuleNotFoundError: skfashion computes with TensorFlow")
    assert 'pip install "skfashion[tensorflow]"' in last


@pytest.fixture(scope="module")
def two_levels():
    """What a process prints whose user set a log level, and threads for each of two levels."""
    program = f"import skfashion\n{textwrap.dedent(REPORT)}"
    return run(program, TF_CPP_MIN_LOG_LEVEL="0", OMP_NUM_THREADS="3,1").stdout


@pytest.fixture(scope="module")
def on_numpy():
    """What a process prints in a fit where Keras runs on NumPy, and the threads that it set."""
    done = run(
        FIT_WITH_ERROR, KERAS_BACKEND="numpy", OMP_NUM_THREADS="3", TF_NUM_INTRAOP_THREADS="2"
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")


@pytest.mark.parametrize("level", ["0", None])
def test_log_level_of_the_user_is_kept(level, two_levels, after_fits):
    stdout = two_levels if level else after_fits["stdout"][1]
    assert stdout.split("\n")[1] == str(level)


def test_threads_are_as_many_as_the_environment_says(two_levels, on_numpy, after_fits):
    threads = [two_levels.split("\n")[0], on_numpy[1], after_fits["stdout"][1].split("\n")[0]]
    assert threads == ["3 3", "0 3", "0 0"]


def test_keras_on_another_backend_is_an_error(on_numpy):
    assert on_numpy[0].startswith("ImportError: skfashion needs Keras on TensorFlow")
    assert "KERAS_BACKEND=tensorflow" in on_numpy[0]


def test_verbose_lines_are_seen_without_any_logging_set_up(after_fits):
    assert after_fits["stderr"][1].startswith("fine-tune epoch 1/1: loss ")
