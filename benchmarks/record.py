"""Run benchmarks, and keep what they print in `results/`.

Run ``python benchmarks/record.py training_speed``, with several names or with options of the script
after one name. The output is shown while the script runs. It replaces ``results/NAME.txt`` once the
script has succeeded. The documentation's tables are included from there.
"""

import subprocess
import sys
from datetime import date
from pathlib import Path

from _results import RESULTS, describe_machine, describe_versions

FOLDER = Path(__file__).parent


def heading(name, options):
    """Return the lines that say how the output came about."""
    command = " ".join(["python", f"{name}.py", *options])
    return f"$ {command}\n{date.today()}, {describe_machine()}\n{describe_versions()}\n\n"


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
