"""How long modules and functions may be, so that each can be read at a time."""

import ast
import re
from pathlib import Path

import pytest

import skfashion

PACKAGE = Path(skfashion.__file__).parent
TESTS = Path(__file__).parent
MODULE_LINES = 400
FUNCTION_LINES = 50


def lines_of_function(node):
    """Return how many lines a function has without its decorators and its docstring."""
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node, clean=False) is not None:
        docstring = node.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


def only_assigns_parameters(node):
    """Whether a function is a constructor as scikit-learn wants it, two lines a parameter."""
    return node.name == "__init__" and all(
        re.fullmatch(r"self\.(\w+) = \1", ast.unparse(line))
        for line in node.body[ast.get_docstring(node) is not None :]
    )


def too_long(folder):
    """Return the modules and the functions of a folder that are too long, one line each."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        text, where = path.read_text(), path.relative_to(folder.parent)
        if (n_lines := len(text.splitlines())) > MODULE_LINES:
            found.append(f"{where}: {n_lines} lines")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef) or only_assigns_parameters(node):
                continue
            if lines_of_function(node) > FUNCTION_LINES:
                found.append(f"{where}: {node.name}, {lines_of_function(node)} lines")
    return found


@pytest.mark.parametrize("folder", [PACKAGE, TESTS], ids=["package", "tests"])
def test_modules_and_functions_are_short(folder):
    assert too_long(folder) == []


def test_what_is_too_long_is_found(tmp_path):
    body = "    x = 1\n"
    docstring = '    """Say it.\n' + "\n" * 60 + '    """\n'
    (tmp_path / "short.py").write_text("@f\ndef short():\n" + docstring + body * 49)
    (tmp_path / "long.py").write_text("class A:\n    def long(self):\n" + ("    " + body) * 50)
    for name, value in {"estimator": "x", "other": "x + 1"}.items():
        constructor = "def __init__(self, x):\n" + f"    self.x = {value}\n" * 60
        (tmp_path / f"{name}.py").write_text(constructor)
    (tmp_path / "module.py").write_text("x = 1\n" * 401)
    assert too_long(tmp_path) == [
        f"{tmp_path.name}/long.py: long, 51 lines",
        f"{tmp_path.name}/module.py: 401 lines",
        f"{tmp_path.name}/other.py: __init__, 61 lines",
    ]
