"""Run benchmarks, and keep what they print in `results/`.

Run ``python benchmarks/record.py training_speed``, with several names or with options of the script
after one name. The output is shown while the script runs. It replaces ``results/NAME.txt`` once the
script has succeeded. The documentation's tables are included from there.
"""

import os
import platform
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

from _results import RESULTS

FOLDER = Path(__file__).parent
PACKAGES = ("tensorflow", "keras", "scikit-learn", "numpy")


def processor():
    """Return the name of the processor, as Linux has it or as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()


def heading(name, options):
    """Return the lines that say how the output came about."""
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return (
        f"$ {' '.join(['python', f'{name}.py', *options])}\n"
        f"{date.today()}, {processor()}, {os.cpu_count()} cores\n"
        f"Python {platform.python_version()}, {versions}\n\n"
    )


def record(name, options):
    """Run a script; return its exit code, and keep its output if that is 0."""
    command = [sys.executable, "-u", FOLDER / f"{name}.py", *options]
    lines = [heading(name, options)]
    with subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode == 0:
        RESULTS.mkdir(exist_ok=True)
        new = RESULTS / f"{name}.txt.new"
        new.write_text("".join(lines))
        new.replace(RESULTS / f"{name}.txt")
    return process.returncode


def main():
    names, options = [], sys.argv[1:]
    while options and not options[0].startswith("-"):
        names.append(options.pop(0))
    if not names or (options and len(names) > 1):
        sys.exit("usage: record.py NAME [NAME ...] or record.py NAME OPTIONS")
    for name in names:
        if code := record(name, options):
            sys.exit(code)


if __name__ == "__main__":
    main()
