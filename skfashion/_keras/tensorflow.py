"""TensorFlow and Keras, imported without the messages of their start.

Importing this module imports TensorFlow. Only modules that build or run networks import it, and
estimators import those modules inside their methods.
"""

import os
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress

from .start_environment import environments_at_start
from .threads import limit_threads

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_ERRORS_ONLY = "2"


@contextmanager
def silent_standard_error():
    """Suppress output of C++ code on standard error; show it if the block fails.

    Such code does not ask Python's `sys.stderr`, so the file descriptor is redirected, for all
    threads.
    """
    with ExitStack() as stack:
        messages = None
        # A process may have no standard error, or no folder for temporary files.
        with suppress(OSError):
            stderr = os.dup(2)
            stack.callback(os.close, stderr)
            messages = stack.enter_context(tempfile.TemporaryFile())
        if messages is None:
            yield
            return
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(messages.fileno(), 2)
        try:
            yield
        # Ctrl-C is not a failure.
        except Exception:
            os.dup2(stderr, 2)
            messages.seek(0)
            os.write(2, messages.read())
            raise
        finally:
            os.dup2(stderr, 2)


@contextmanager
def kept_log_level():
    """Restore the environment variable of TensorFlow's log level after a block."""
    user_level = os.environ.get(_LOG_LEVEL)
    try:
        yield
    finally:
        os.environ.pop(_LOG_LEVEL, None)
        if user_level is not None:
            os.environ[_LOG_LEVEL] = user_level


@contextmanager
def _silent_start_up():
    """Suppress the messages of TensorFlow's import, unless it fails.

    Notices on oneDNN and missing GPUs come before TensorFlow reads its log level. The level becomes
    "errors only", unless the user has set one.
    """
    with kept_log_level(), silent_standard_error():
        os.environ.setdefault(_LOG_LEVEL, _ERRORS_ONLY)
        yield


_WAS_IMPORTED = "tensorflow" in sys.modules

try:
    with _silent_start_up():
        import tensorflow as tf

        limit_threads(tf.config.threading)
        # The first operation starts the runtime, which writes further notices.
        tf.zeros(())
        STARTED_IN, START_ENVIRONMENTS = os.getpid(), environments_at_start(_WAS_IMPORTED)
except ModuleNotFoundError as error:
    if error.name != "tensorflow":
        raise
    raise ModuleNotFoundError(
        "skfashion computes with TensorFlow, which is not installed: "
        'run `pip install "skfashion[tensorflow]"`.',
        name="tensorflow",
    ) from None

_REMEDY = "Set the environment variable KERAS_BACKEND=tensorflow before Python starts."

try:
    import keras
    from keras.src.backend.common import global_state as keras_global_state
    from tensorflow.python.framework.config import is_op_determinism_enabled
    from tensorflow.python.framework.ops import gradient_registry
    from tensorflow.python.ops.handle_data_util import create_handle_data
except ImportError as error:
    raise ImportError(f"skfashion needs Keras on TensorFlow: {error}. {_REMEDY}") from error

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "skfashion needs Keras on TensorFlow, but it runs on "
        f"{keras.backend.backend()!r}. {_REMEDY}"
    )

__all__ = [
    "STARTED_IN",
    "START_ENVIRONMENTS",
    "create_handle_data",
    "gradient_registry",
    "is_op_determinism_enabled",
    "kept_log_level",
    "keras",
    "keras_global_state",
    "silent_standard_error",
    "tf",
]
