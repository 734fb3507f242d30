"""A classifier of a folder of photographs in four libraries: lines of code, accuracy, seconds.

Run ``python benchmarks/lines_of_code.py``; it takes about ten minutes on two cores. The task: the
accuracy of a pretrained network in five folds, a network trained on all files, and its class of a
new file. The scripts are in ``photograph_tasks``. Lines without imports, comments and blank lines
are counted. The scripts of skfashion and Keras run; those of fastai and skorch follow their
documentation, and run only where these are installed, with ``--run fastai skorch``.

SKFASHION_WEIGHTS must name a folder with the file of MobileNetV2's weights.
"""

import argparse
import ast
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from _processes import output_of
from _report import print_table
from _weights import weights_of
from image_files import write_files

LIBRARIES = ("skfashion", "keras", "fastai", "skorch")
N_FILES, SIZE = 100, (480, 360)


def count_lines(path):
    """Return the lines of a script without imports, comments and blank lines."""
    text = path.read_text()
    imports = {
        number
        for node in ast.parse(text).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for number in range(node.lineno, node.end_lineno + 1)
    }
    lines = enumerate(map(str.strip, text.splitlines()), 1)
    return sum(bool(line) and line[0] != "#" and n not in imports for n, line in lines)


def run(path, *arguments):
    begin = perf_counter()
    accuracy, name = output_of(sys.executable, path, *arguments).split()[-2:]
    return f"{float(accuracy):.3f}", name, f"{perf_counter() - begin:.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", nargs="*", choices=LIBRARIES, default=LIBRARIES[:2])
    options = parser.parse_args()
    rows = []
    with TemporaryDirectory() as place:
        folder, new = Path(place, "photos"), Path(place, "new")
        write_files(folder, N_FILES, SIZE)
        write_files(new, 1, SIZE, seed=1)
        new_file = next(new.rglob("*.jpg"))
        for library in LIBRARIES:
            script = Path(__file__).parent / "photograph_tasks" / f"with_{library}.py"
            cells = ["-"] * 3
            if library in options.run:
                cells = run(script, folder, new_file, weights_of("mobilenet_v2"))
            rows.append([library, count_lines(script), *cells])
    columns = ["library", "lines", "accuracy", "class of the new file", "seconds"]
    print_table(f"{N_FILES} photographs of 4 classes", columns, rows)


if __name__ == "__main__":
    main()
