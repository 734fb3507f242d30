"""Results of a benchmark in a file, where the next run finds them."""

import json
from pathlib import Path


class Results:
    """Accuracies by cell, in a file with a line for each."""

    def __init__(self, path):
        self._path = Path(path)
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        self._cells = {tuple(cell): accuracy for cell, accuracy in map(json.loads, lines)}

    def get(self, cell, compute):
        if cell not in self._cells:
            self._cells[cell] = float(compute())
            with self._path.open("a") as file:
                file.write(json.dumps([cell, self._cells[cell]]) + "\n")
            print(*cell, f"{self._cells[cell]:.4f}", flush=True)
        return self._cells[cell]
