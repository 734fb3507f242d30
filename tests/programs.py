"""Programs in new processes."""

import os
import subprocess
import sys


def run_program(code, folder):
    """Run Python code in a folder, with the modules of this process; return its output."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return done.stdout
