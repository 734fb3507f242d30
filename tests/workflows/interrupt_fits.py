"""A program that sends SIGINT to itself at random moments of fits: see `test_interruption.py`.

Argument: the name of a scenario. It prints the longest time until a fit had ended, as a multiple of
the time that a fit of one batch takes: to build and trace a network cannot be interrupted.
"""

import os
import random
import signal
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from skfashion import TransferClassifier
from skfashion._keras.tensorflow import keras, keras_global_state, tf
from skfashion.datasets import load_fashion_sample

N_SIGNALS = 5
BATCH_SIZE = 32
KEYS = ("object_name_uids", *("name_scope_stack", "stateless_scope", "uninitialized_variables"))
X, y = load_fashion_sample(return_X_y=True)


def describe_process():
    """Return what a fit must leave as it was."""
    # Keras makes an empty list where it looks for one.
    state = [keras_global_state.get_global_attribute(key) or None for key in KEYS]
    return [
        repr(state),
        keras.config.image_data_format(),
        keras.config.floatx(),
        keras.config.dtype_policy().name,
        random.getstate(),
        np.random.get_state()[2],
        tf.executing_eagerly(),
        tf.config.threading.get_intra_op_parallelism_threads(),
        signal.getsignal(signal.SIGINT),
        threading.active_count(),
    ]


def write_photographs(folder, n_images):
    paths = [Path(folder, f"{number}.jpg") for number in range(n_images)]
    for path, image in zip(paths, X, strict=False):
        Image.fromarray(np.kron(image, np.ones((40, 40), np.uint8))).save(path)
    return paths


def interrupt_after(seconds, call):
    """Call something, and interrupt it; return how it ended, and how long after the signal."""
    sent = []

    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer, traceback = threading.Timer(seconds, send), None
    timer.start()
    try:
        call()
        how = "ended"
    except KeyboardInterrupt as error:
        # As an interactive session does: what it refers to lives on.
        how, traceback = "raised", error.__traceback__
    end = time.perf_counter()
    timer.cancel()
    timer.join()
    return how, end - sent[0] if sent else 0.0, traceback


def interrupt_fits(make, data):
    """Interrupt fits of classifiers that have to be built anew, at random moments of all steps."""
    before = describe_process()
    started = time.perf_counter()
    expected = make(0).fit(*data)
    longest_fit = time.perf_counter() - started
    started = time.perf_counter()
    make(N_SIGNALS + 1).set_params(epochs=1).fit(*(part[:BATCH_SIZE] for part in data))
    fit_of_a_batch = time.perf_counter() - started
    delays = []
    for number in range(1, N_SIGNALS + 1):
        clf, seconds = make(number), random.SystemRandom().uniform(0, longest_fit)
        how, delay, _ = interrupt_after(seconds, lambda clf=clf: clf.fit(*data))
        assert hasattr(clf, "classes_") == (how == "ended")
        assert describe_process() == before, f"after {seconds} of {longest_fit} s"
        delays.append(delay)
    seconds = min(0.2, longest_fit)
    how, delay, _ = interrupt_after(seconds, lambda: [expected.predict(data[0]) for _ in range(50)])
    assert how == "raised" or not delay, how
    delays.append(delay)
    assert describe_process() == before
    again = make(0).fit(*data)
    assert (again.predict_proba(data[0]) == expected.predict_proba(data[0])).all()
    return max(delays) / fit_of_a_batch


# The number makes each network another one, so that it is built and traced in each fit.
def small_cnn(folder):
    data = X[:600], y[:600]
    return lambda number: TransferClassifier(
        epochs=5, batch_size=BATCH_SIZE, hidden_units=64 + number, random_state=0
    ), data


def photographs(folder):
    data = write_photographs(folder, 100), y[:100]
    return lambda number: TransferClassifier(
        "mobilenet_v2", epochs=2, input_size=48 + number, random_state=0
    ), data


def probe_on_frozen_features(folder):
    data = X[:300], y[:300]
    return lambda number: TransferClassifier(
        "vgg16",
        epochs=2,
        input_size=48 + number,
        freeze_until="features",
        head_init="probe",
        memory=folder,
        random_state=0,
    ), data


def main(scenario):
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        make, data = globals()[scenario](folder)
        print(interrupt_fits(make, data))


if __name__ == "__main__":
    main(*sys.argv[1:])
