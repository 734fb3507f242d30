"""Programs in new processes."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run_program(
    code, *arguments, folder=ROOT, options=(), stdin=None, returncode=0, timeout=300
) -> subprocess.CompletedProcess:
    """Run Python code in a new process, with the modules of this one.

    Parameters
    ----------
    code : str
        The code, which may be indented.
    *arguments : str or path-like
        Arguments of the program.
    folder : path-like, default=ROOT
        The folder that the process runs in.
    options : sequence of str, default=()
        Options of the interpreter.
    stdin : bytes, default=None
        What the program reads. The result then has bytes, otherwise text.
    returncode : int, default=0
        The expected exit code. Another one fails with what the program wrote to standard error.
    timeout : float, default=300
        Seconds after which the process is killed.
    """
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        input=stdin,
        capture_output=True,
        text=stdin is None,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == returncode, done.stderr
    return done


def peak_bytes():
    """Return the most memory that this process took; getrusage counts its parent's, too."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
