import gc
import os
import signal

# Lets scikit-learn's array API check run instead of being skipped; SciPy reads it when imported.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# Figures are drawn, not shown.
os.environ["MPLBACKEND"] = "agg"
# Two workers of pytest-xdist with a thread for each core would get into each other's way. Results
# depend on the number of threads, but no check does: each compares results of equal settings.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skfashion import TransferClassifier
from skfashion._training.window_lengths import WindowLengths
from skfashion.datasets import load_fashion_sample
from tests.class_split import GTE5, first_of_each, halve
from tests.residual import RESIDUAL


def pytest_collection_finish():
    """Collect garbage less often: tracing makes many objects, and what is imported stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


@pytest.fixture(scope="session")
def fashion():
    """Real images of half their size, read-only: 20 of each of the ten classes."""
    X, y = first_of_each(*load_fashion_sample(return_X_y=True), 20)
    X = halve(X)
    X.setflags(write=False)
    y.setflags(write=False)
    return X, y


@pytest.fixture(scope="session")
def fashion_test():
    X, y = first_of_each(*load_fashion_sample(subset="test", return_X_y=True), 10)
    return halve(X), y


@pytest.fixture(scope="session")
def small(fashion):
    """Images of 7 x 7 pixels, read-only: 10 of each of the ten classes."""
    X, y = fashion
    rows = np.concatenate([np.flatnonzero(y == label)[:10] for label in range(10)])
    X, y = X[rows, ::2, ::2], y[rows]
    X.setflags(write=False)
    y.setflags(write=False)
    return X, y


@pytest.fixture(scope="session")
def lt5(fashion):
    """Real images of classes 0 to 4 only."""
    X, y = fashion
    return X[y < 5], y[y < 5]


@pytest.fixture(scope="session")
def make():
    """Build an estimator that is quick to fit, and deterministic."""
    from skfashion._training import trainer_pool

    # The library keeps fewer idle trainers. Tests need more kinds than a user, and tracing is slow.
    trainer_pool.MAX_IDLE_TRAINERS = 40

    def make(**params):
        quick = {"pretrain_epochs": 1, "epochs": 2, "random_state": 0}
        return TransferClassifier(**{**quick, **params})

    return make


@pytest.fixture(scope="session")
def weights_of():
    """Return the weights of a fitted classifier by the paths of its Keras model's variables."""

    # The private dictionary: to build a Keras model for each look at weights costs more than fits.
    def weights_of(clf):
        return dict(clf._fitted.weights)

    return weights_of


@pytest.fixture(scope="session")
def assert_same(weights_of):
    """Compare two fits bit by bit: weights, histories, and predictions if there are images."""

    def assert_same(clf, expected, X=None, ignored=("seconds",)):
        weights, others = weights_of(clf), weights_of(expected)
        assert weights.keys() == others.keys()
        for path, array in weights.items():
            assert_array_equal(array, others[path])
        for name in ("history_", "pretrain_history_"):
            found, history = getattr(clf, name), getattr(expected, name)
            assert found.keys() == history.keys()
            for key, values in history.items():
                assert len(found[key]) == len(values)
                assert key in ignored or found[key] == values
        assert (clf.n_iter_, clf.kept_probe_) == (expected.n_iter_, expected.kept_probe_)
        if X is not None:
            assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))

    return assert_same


@pytest.fixture
def python_handles_signals():
    """Let SIGINT raise `KeyboardInterrupt`, which workers of pytest-xdist ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def interrupt_after(python_handles_signals, monkeypatch):
    """Send SIGINT after a number of windows. If all rows are one batch, a window is an epoch."""
    adapt, count = WindowLengths.adapt, 0

    def interrupt_after(n_windows):
        def adapt_and_count(self, n_rows, seconds):
            nonlocal count
            adapt(self, n_rows, seconds)
            count += 1
            if count == n_windows:
                signal.raise_signal(signal.SIGINT)

        nonlocal count
        count = 0
        monkeypatch.setattr(WindowLengths, "adapt", adapt_and_count)

    return interrupt_after


@pytest.fixture
def limit_files():
    """Limit the size of files, as a full disk does."""
    resource = pytest.importorskip("resource")
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda n_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture(scope="session")
def fitted(fashion):
    """Fitted on a class split: 5-9, then 0-4. Not to be changed."""
    return TransferClassifier(
        pretrain_classes=GTE5, pretrain_epochs=1, epochs=2, random_state=0
    ).fit(*fashion)


@pytest.fixture(scope="session")
def body_path(fashion, tmp_path_factory):
    """A file of body weights pretrained on classes 5 to 9."""
    X, y = fashion
    source = TransferClassifier(epochs=1, random_state=0).fit(X[y >= 5], y[y >= 5])
    path = tmp_path_factory.mktemp("weights") / "body.weights.h5"
    source.save_backbone_weights(path)
    return path


@pytest.fixture(scope="session")
def residual_path(fashion, tmp_path_factory):
    """A file of the small residual backbone's weights, pretrained on classes 5 to 9."""
    X, y = fashion
    source = TransferClassifier(
        RESIDUAL, epochs=20, batch_size=32, learning_rate=0.01, random_state=0
    ).fit(X[y >= 5], y[y >= 5])
    path = tmp_path_factory.mktemp("weights") / "residual.weights.h5"
    source.save_backbone_weights(path)
    return path
