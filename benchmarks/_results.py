"""Results of long benchmarks, in a file, so that an interrupted run continues where it stopped."""

import json
import os
import platform
from datetime import date
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

# Kept with the code: what benchmarks printed, and results by cell.
RESULTS = Path(__file__).parent / "results"
PACKAGES = ("tensorflow", "keras", "scikit-learn", "numpy")


def describe_machine():
    """Return the name of the processor, as Linux has it or as Python does, and its cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        name = platform.processor()
    return f"{name}, {os.cpu_count()} cores"


def describe_versions():
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return f"Python {platform.python_version()}, {versions}"


def plan_of(*settings):
    """Return a short name of settings. As a part of a cell, it separates results by settings."""
    return f"plan {sha256(repr(settings).encode()).hexdigest()[:8]}"


class Results:
    """Results by cell, in a file with a line of JSON for each.

    A cell is a tuple of strings and numbers, its result a value that JSON can hold. A line is the
    cell, its result, and its origin: the date, the machine and the versions.
    """

    def __init__(self, path):
        self._path = Path(path)
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        self._lines = {tuple(cell): rest for cell, *rest in map(json.loads, lines)}
        self._origins = set()

    def has(self, cell):
        """Return whether the file has the result of a cell."""
        return cell in self._lines

    def get(self, cell, compute):
        """Return the result of a cell; compute it, and write it down, if the file has none."""
        if cell not in self._lines:
            result = compute()
            origin = [str(date.today()), describe_machine(), describe_versions()]
            with self._path.open("a") as file:
                file.write(json.dumps([cell, result, origin]) + "\n")
            self._lines[cell] = [result, origin]
            print(*cell, result, flush=True)
        result, origin = self._lines[cell]
        self._origins.add(tuple(origin))
        return result

    def print_origins(self):
        """Print the dates, machines and versions of all results that were returned."""
        days = {}
        for day, *origin in sorted(self._origins):
            days.setdefault(tuple(origin), []).append(day)
        for (machine, versions), dates in days.items():
            when = f"on {dates[0]}" if len(dates) == 1 else f"from {dates[0]} to {dates[-1]}"
            print(f"\nmeasured {when}, {machine}\n{versions}")
