"""Results of long benchmarks, in a file, so that an interrupted run continues where it stopped."""

import json
from pathlib import Path

# Kept with the code: what benchmarks printed, and results by cell.
RESULTS = Path(__file__).parent / "results"


class Results:
    """Results by cell, in a file with a line of JSON for each.

    A cell is a tuple of strings and numbers, its result a value that JSON can hold.
    """

    def __init__(self, path):
        self._path = Path(path)
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        self._cells = {tuple(cell): result for cell, result in map(json.loads, lines)}

    def has(self, cell):
        """Return whether the file has the result of a cell."""
        return cell in self._cells

    def get(self, cell, compute):
        """Return the result of a cell; compute it, and write it down, if the file has none."""
        if cell not in self._cells:
            self._cells[cell] = compute()
            with self._path.open("a") as file:
                file.write(json.dumps([cell, self._cells[cell]]) + "\n")
            print(*cell, self._cells[cell], flush=True)
        return self._cells[cell]
