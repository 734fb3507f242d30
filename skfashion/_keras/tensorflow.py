"""TensorFlow and Keras, imported without their start-up noise.

Importing this module imports TensorFlow, so only modules that build or run networks do, and
`TransferClassifier` imports those inside its methods.
"""

import os
import sys
import tempfile
from contextlib import contextmanager

from .threads import limit_threads

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_ERRORS_ONLY = "2"


@contextmanager
def _silent_start_up():
    """Hold back what TensorFlow's C++ side writes to standard error while it is imported.

    Its notices on oneDNN and missing GPUs come before any log level is read, so the file
    descriptor itself is turned aside. After a failure all of it is shown. The log level that
    TensorFlow keeps is errors only, unless the user has set one.
    """
    try:
        shown = os.dup(2)
    except OSError:  # a process without standard error
        yield
        return
    user_level = os.environ.get(_LOG_LEVEL)
    os.environ.setdefault(_LOG_LEVEL, _ERRORS_ONLY)
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(shown, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)
            if user_level is None:
                del os.environ[_LOG_LEVEL]


try:
    with _silent_start_up():
        import tensorflow as tf

        limit_threads(tf.config.threading)
        # The first operation starts the runtime, which has notices of its own.
        tf.zeros(())
except ModuleNotFoundError as error:
    if error.name != "tensorflow":
        raise
    raise ModuleNotFoundError(
        "TransferClassifier trains with TensorFlow, which is not installed: "
        'run `pip install "skfashion[tensorflow]"`.',
        name="tensorflow",
    ) from None

_REMEDY = "Set the environment variable KERAS_BACKEND=tensorflow before Python starts."

try:
    import keras
    from keras.src.backend.common import global_state as keras_global_state
except ImportError as error:
    raise ImportError(
        f"TransferClassifier needs Keras on TensorFlow: {error}. {_REMEDY}"
    ) from error

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "TransferClassifier needs Keras on TensorFlow, but it runs on "
        f"{keras.backend.backend()!r}. {_REMEDY}"
    )

__all__ = ["keras", "keras_global_state", "tf"]
