"""The layers of the package: imports go downwards, and in no circle."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import skfashion

PACKAGE = Path(skfashion.__file__).parent
# From the bottom to the top. Parts of one layer may import each other.
LAYERS = [
    {
        "_array_bytes",
        "_atomic_files",
        "_home_folder",
        "_interrupts",
        "_messages",
        "_missing_modules",
        "_random_streams",
        "_version",
        "_keras",
    },
    {"_data", "_backbones"},
    {"_cache"},
    {"_networks"},
    {"_training"},
    {"_persistence"},
    {"_reporting"},
    {"_estimators"},
    {"model_selection"},
    {"inspection"},
    {"_command_line", "__main__"},
]
# Only the package's __init__ and FRONT import them. They import no other parts than these.
APART = {"datasets": {"_atomic_files", "_home_folder", "_messages", "_data"}, "distributed": set()}
FRONT = {"", "_command_line"}


def modules_of(package):
    """Return the paths of the modules of a package by their dotted names."""
    modules = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def imports_of(name, modules):
    """Return the modules of the same package that a module imports, in functions too."""
    path, root = modules[name], name.split(".")[0]
    parents = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else []
            source = ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
            # What is imported is a module itself, or a name in one.
            full = {f"{source}.{alias.name}" for alias in node.names}
            found |= {each if each in modules else source for each in full}
    return {each for each in found if each.split(".")[0] == root} - {name}


def part_of(name):
    """Return the part of the package that a module belongs to; `""` for the package itself."""
    return [*name.split("."), ""][1]


def broken_rules(package, layers=LAYERS, apart=APART):
    """Return what is wrong with the imports of a package, one line each."""
    modules = modules_of(package)
    graph = {name: imports_of(name, modules) for name in modules}
    level = {part: number for number, layer in enumerate(layers) for part in layer}
    level[""] = len(layers)
    broken = []
    for name, imported in sorted(graph.items()):
        part = part_of(name)
        if part not in level.keys() | apart.keys():
            broken.append(f"{name} belongs to no layer")
            continue
        for other in sorted(imported):
            target = part_of(other)
            if target == part or target not in level.keys() | apart.keys():
                continue
            if part in apart:
                if target not in apart[part]:
                    broken.append(f"{name} imports {other}, which is apart")
            elif target in apart:
                if part not in FRONT:
                    broken.append(f"{name} imports {other}, which is apart")
            elif level[target] > level[part]:
                broken.append(f"{name} imports {other}, which is above it")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        broken.append("circle: " + " -> ".join(error.args[1]))
    return broken


def test_imports_go_downwards_and_in_no_circle():
    assert broken_rules(PACKAGE) == []


def test_parts_that_compute_import_their_modules_at_once():
    """A late import would run other code than the key of a result says, after an upgrade."""
    late = {
        (path.name, node.module)
        for part in ("_keras", "_cache", "_networks", "_training")
        for path in (PACKAGE / part).rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and node.level
    }
    # Parameters are parsed without TensorFlow.
    assert late == {("augmentation.py", "_keras.tensorflow")}


def test_every_package_says_what_it_is_for():
    packages = sorted(PACKAGE.rglob("__init__.py"))
    assert len(packages) > 8
    without = [str(path) for path in packages if not ast.get_docstring(ast.parse(path.read_text()))]
    assert without == []


@pytest.fixture
def house(tmp_path):
    """Write a package of two layers, with changes; return the rules that it breaks."""

    def house(**changes):
        files = {
            "__init__": "from . import data\nfrom .top import run\n",
            "_leaf/__init__": "",
            "_leaf/one": "from .two import number\n",
            "_leaf/two": "import os\nnumber = 1\n",
            "_leaf/three": "number = 3\n",
            "top": "from ._leaf.one import number\ndef run():\n    from ._leaf import three\n",
            "data": "import os\nfrom ._leaf import two\n",
            "alone": "import os\n",
        }
        for name, text in (files | changes).items():
            path = tmp_path / "house" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        apart = {"data": {"_leaf"}, "alone": set()}
        return broken_rules(tmp_path / "house", [{"_leaf"}, {"top"}], apart)

    return house


def test_a_package_in_order_breaks_no_rule(house):
    assert house() == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_leaf/two": "from ..top import run\n"}, "house._leaf.two imports house.top, .* above"),
        (
            {"_leaf/three": "def f():\n    from .. import top\n"},
            "three imports house.top, .* above",
        ),
        ({"_leaf/three": "def f():\n    import house.top\n"}, "three imports house.top, .* above"),
        ({"_leaf/three": "from house import run\n"}, "house._leaf.three imports house, .* above"),
        ({"_leaf/two": "from .one import number\n"}, r"circle: house\._leaf\.\w+ -> .*two"),
        ({"_leaf/two": "def f():\n    from . import one\n"}, "circle: .*"),
        ({"top": "from .data import X\n"}, "house.top imports house.data, which is apart"),
        ({"data": "from .top import run\n"}, "house.data imports house.top, .* apart"),
        ({"alone": "from ._leaf import two\n"}, "house.alone imports house._leaf.two, .* apart"),
        ({"_new": "\n"}, "house._new belongs to no layer"),
    ],
    ids=str,
)
def test_what_breaks_the_order_is_found(house, changes, message):
    assert any(re.fullmatch(f".*{message}.*", line) for line in house(**changes))
