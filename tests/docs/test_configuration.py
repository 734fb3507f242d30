"""What `docs/conf.py` and the inventories beside it state agrees with the package and its pages."""

import ast
import inspect

import pytest

from skfashion import TransferClassifier

from .pages import PAGES, ROOT

DOCS = ROOT / "docs"

pytestmark = pytest.mark.skipif(
    not DOCS.exists(), reason="a source distribution has no documentation"
)

INVENTORIES = sorted(DOCS.glob("_inventories/*.txt"))


def constant(name):
    """Return the value of a constant of `conf.py`, without running it."""
    for node in ast.parse((DOCS / "conf.py").read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise KeyError(name)


def test_groups_of_parameters_begin_with_parameters_in_their_order():
    parameters = list(inspect.signature(TransferClassifier).parameters)
    first = list(constant("PARAMETER_GROUPS"))
    assert first == sorted(first, key=parameters.index)
    assert first[0] == parameters[0]


def test_each_inventory_has_an_address():
    assert sorted(constant("INVENTORIES")) == [path.stem for path in INVENTORIES]


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.stem)
def test_inventories_hold_names_that_are_used(path):
    form, project, version, *lines = path.read_text().splitlines()
    assert form == "# Sphinx inventory version 1"
    assert project.startswith("# Project: ")
    assert version.startswith("# Version: ")
    sources = [
        *PAGES,
        DOCS / "conf.py",
        *ROOT.glob("examples/*.py"),
        *ROOT.glob("skfashion/**/*.py"),
    ]
    text = "\n".join(source.read_text() for source in sources)
    for line in lines:
        name, kind, address = line.split()
        assert kind in {"class", "function", "method", "exception", "data", "mod"}
        assert not address.startswith(("/", "http"))
        assert name.rpartition(".")[2] in text, name
