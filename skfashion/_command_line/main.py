"""Run a command: its errors and warnings are lines on standard error."""

import codecs
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .arguments import build_parser

_INTERRUPTED = 130
# The types that the library documents. The name of another type may help to find a fault.
_DOCUMENTED = (ValueError, TypeError, OSError, ImportError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, default=None
        The words after the name of the program; `None` takes those of the process.

    Returns
    -------
    int
        The exit code: 0, 1 after an error, 130 after Ctrl-C.

    Raises
    ------
    SystemExit
        With code 2, if `arguments` are wrong. With code 0 after ``--help`` and ``--version``.
    """
    options = build_parser().parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        # Names of files that are not valid text are printed as raw bytes. Other encodings lack
        # characters, which are printed as escapes.
        is_unicode = codecs.lookup(sys.stdout.encoding).name == "utf-8"
        sys.stdout.reconfigure(errors="surrogateescape" if is_unicode else "backslashreplace")
    with _warnings_as_lines():
        try:
            code = options.run(options)
            sys.stdout.flush()
            return code
        except KeyboardInterrupt as error:
            _print_line("interrupted", error)
            return _INTERRUPTED
        except BrokenPipeError:
            # The reader, such as `head`, has enough. Python would fail again when it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except Exception as error:
            is_documented = isinstance(error, _DOCUMENTED)
            _print_line("error", error if is_documented else f"{type(error).__name__}: {error}")
            return 1


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Print warnings without the line of code that they come from."""

    def show(message, category, filename, lineno, file=None, line=None):
        _print_line("warning", message)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _print_line(kind: str, message: object) -> None:
    text = " ".join(str(message).split())
    print(f"skfashion: {kind}: {text}" if text else f"skfashion: {kind}", file=sys.stderr)
