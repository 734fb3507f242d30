"""The extras in pyproject.toml hold what the library, its pages and its examples import."""

import ast
import re
import subprocess
import sys
import textwrap
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import skfashion

ROOT = Path(__file__).parent.parent
PACKAGE = Path(skfashion.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

# Optional packages that modules import when they need them, and the extra that holds each.
OPTIONAL_IMPORTS = {
    "_cache/image_hashes.py": {"PIL": "images"},
    "_command_line/commands.py": {"matplotlib": "plot"},
    "_data/image_files.py": {"PIL": "images"},
    "_estimators/export.py": {"onnx": "onnx"},
    "_keras/tensorflow.py": {"tensorflow": "tensorflow"},
    "_persistence/scikit_learn.py": {"skops": "skops"},
    "_networks/onnx_model.py": {"onnx": "onnx"},
    "_reporting/card_sections.py": {"matplotlib": "plot"},
    "_reporting/pictures.py": {"matplotlib": "plot"},
    "datasets/_fashion_mnist.py": {"pandas": "plot"},
    "distributed/_client.py": {"dask": "dask"},
    "distributed/_search_on.py": {"distributed": "dask"},
    "distributed/_watchdog.py": {"distributed": "dask"},
    "inspection/_freeze_depth.py": {"matplotlib": "plot"},
    "inspection/_freeze_panels.py": {"matplotlib": "plot"},
    "inspection/_freeze_ranking.py": {"matplotlib": "plot"},
    "inspection/_grad_cam_display.py": {"matplotlib": "plot"},
    "inspection/_history.py": {"matplotlib": "plot"},
    "inspection/_image_grid.py": {"matplotlib": "plot"},
    "inspection/_panels.py": {"matplotlib": "plot"},
    "model_selection/_search_frame.py": {"pandas": "plot"},
}

# What code needs that uses a name, besides what it imports itself.
NEEDS = {
    "TransferClassifier": {"tensorflow"},
    "BackboneFeatures": {"tensorflow"},
    "FreezeDepthDisplay": {"matplotlib", "pandas"},
    "FreezeRankingDisplay": {"matplotlib", "pandas"},
    "GradCAMDisplay": {"matplotlib"},
    "HistoryDisplay": {"matplotlib"},
    "ImageGridDisplay": {"matplotlib"},
    "ProgressBar": {"rich"},
    "as_frame": {"pandas"},
    "export_onnx": {"onnx", "tf2onnx"},
    "search_frame": {"pandas"},
    "search_on": {"distributed"},
    "verify=True": {"PIL"},
}


# -- What extras install -----------------------------------------------------------------------


def required_by(name: str, extras: frozenset) -> list[Requirement]:
    """Return the direct requirements of a distribution with extras."""
    if name == "skfashion":
        lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
        return [Requirement(line) for line in lines]
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    found = map(Requirement, lines)
    return [
        each
        for each in found
        if each.marker is None
        or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


@cache
def installed_with(*extras: str) -> frozenset:
    """Return the distributions that `pip install "skfashion[...]"` installs."""
    seen, rest = set(), [("skfashion", frozenset(extras))]
    while rest:
        name, extras = rest.pop()
        if (name, extras) not in seen:
            seen.add((name, extras))
            rest += [
                (canonicalize_name(each.name), frozenset(each.extras))
                for each in required_by(name, extras)
            ]
    return frozenset(name for name, _ in seen)


packages_distributions = cache(metadata.packages_distributions)


@cache
def importable_with(*extras: str) -> frozenset:
    """Return the top-level packages that can be imported then."""
    installed = installed_with(*extras)
    importable = {
        package
        for package, names in packages_distributions().items()
        if installed & {canonicalize_name(name) for name in names}
    }
    # A distribution that is not installed here is taken to have a package of its name.
    absent = {name.replace("-", "_") for name in installed if not is_installed(name)}
    return frozenset({"skfashion", *importable, *absent})


@cache
def is_installed(distribution: str) -> bool:
    """Return whether this environment has a distribution."""
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


# -- What code imports -------------------------------------------------------------------------


def imports_of(tree: ast.AST) -> set[str]:
    """Return the packages outside the standard library that code imports, also lazily."""
    found = set()
    for node in walk_at_run_time(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            # scikit-learn's check_pandas_support and the like import what they name.
            found |= set(re.findall(r"^check_(\w+)_support$", node.func.id))
    return found - set(sys.stdlib_module_names)


def walk_at_run_time(node: ast.AST):
    """Walk through code that runs, which imports for type checkers are not."""
    if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from walk_at_run_time(child)


def test_modules_import_only_what_dependencies_or_a_named_extra_hold():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        optional = imports_of(ast.parse(path.read_text())) - importable_with()
        if optional:
            found[path.relative_to(PACKAGE).as_posix()] = optional
    assert found == {name: set(packages) for name, packages in OPTIONAL_IMPORTS.items()}


@pytest.mark.parametrize("module", OPTIONAL_IMPORTS)
def test_extras_hold_what_modules_import(module):
    for package, extra in OPTIONAL_IMPORTS[module].items():
        assert package in importable_with(extra)


# -- Pages, docstrings and examples ------------------------------------------------------------

clone_only = pytest.mark.skipif(
    not (ROOT / "examples").exists(), reason="a source distribution has no pages and no examples"
)

INSTALL_PAGE = ROOT / "docs" / "getting_started.rst"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.rst"))]


def code_blocks(page: Path) -> str:
    text = page.read_text()
    if page.suffix == ".md":
        return "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
    blocks = re.findall(r"\.\. code-block:: \w+\n\n((?:[ ]{3,}.*\n|\n)+)", text)
    return "\n".join(map(textwrap.dedent, blocks))


def code_needs(code: str) -> set[str]:
    imported = re.findall(r"^\W*(?:from|import) (\w+)", code, flags=re.MULTILINE)
    return (set(imported) | needs_of_names(code)) - set(sys.stdlib_module_names)


def needs_of_names(code: str) -> set[str]:
    return {package for name, needs in NEEDS.items() if name in code for package in needs}


def names_installed(text: str) -> tuple[set[str], set[str]]:
    """Return the extras, and the other packages, of `pip install` in a text."""
    extras, others = set(), set()
    for line in re.findall(r"pip install ([^`\n]+)", text):
        for word in line.replace('"', "").split():
            if match := re.fullmatch(r"skfashion\[([\w,]+)\]", word):
                extras |= set(match[1].split(","))
            else:
                others.add(word.partition("[")[0])
    return extras, others


@clone_only
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_of_pages_runs_with_the_extras_that_they_name(page):
    extras, others = names_installed(page.read_text())
    if page.suffix == ".rst":  # the pages of the documentation presuppose the one on installing
        extras |= {"tensorflow", "plot"}
        assert {"tensorflow", "plot"} <= names_installed(INSTALL_PAGE.read_text())[0]
    missing = code_needs(code_blocks(page)) - importable_with(*sorted(extras)) - others
    assert not missing


@clone_only
def test_pages_have_code():
    assert "tensorflow" in code_needs(code_blocks(ROOT / "README.md"))
    assert {"rich", "pandas"} <= code_needs(code_blocks(ROOT / "docs" / "searching.rst"))
    assert {"distributed", "ray"} <= code_needs(code_blocks(ROOT / "docs" / "distributed.rst"))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_docstrings_run_with_the_extras_of_the_install_page_and_of_their_module(path):
    name = path.relative_to(PACKAGE).as_posix()
    extras = {"tensorflow", "plot", *OPTIONAL_IMPORTS.get(name, {}).values()}
    if name.startswith("distributed/"):
        extras.add("dask")
    examples = re.findall(r"^ *(?:>>>|\.\.\.) (.*)$", path.read_text(), flags=re.MULTILINE)
    assert not code_needs("\n".join(examples)) - importable_with(*sorted(extras))


@clone_only
@pytest.mark.parametrize(
    ("pattern", "extra"),
    [("docs/conf.py", "docs"), ("examples/*.py", "docs"), ("examples/demo/*.py", "demo")],
)
def test_examples_run_with_their_extra(pattern, extra):
    paths = sorted(ROOT.glob(pattern))
    assert paths
    for path in paths:
        code = path.read_text()
        needed = imports_of(ast.parse(code)) | needs_of_names(code)
        assert not needed - importable_with(extra), path.name


@clone_only
def test_sphinx_extensions_are_in_the_docs_extra():
    code = (ROOT / "docs" / "conf.py").read_text()
    listed = code.partition("extensions = [")[2].partition("]")[0]
    names = set(re.findall(r'"(\w+)(?:\.\w+)*"', listed))
    assert {"numpydoc", "sphinx_gallery", "sphinx_design", "myst_parser"} <= names
    held = installed_with("docs")
    needed = {canonicalize_name(name) for name in names} | {"pydata-sphinx-theme", "pandas"}
    assert needed <= held


# -- What happens without ----------------------------------------------------------------------

ONLY_THESE = """
    import sys

    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {missing!r}:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

    sys.meta_path.insert(0, Missing())
"""

DISPLAY = """
    import os
    os.environ["MPLBACKEND"] = "agg"
    from skfashion import TransferClassifier
    from skfashion.datasets import load_fashion_sample
    from skfashion.inspection import FreezeDepthDisplay
    X, y = load_fashion_sample(subset="test", return_X_y=True)
    class Clf(TransferClassifier):
        def fit(self, X, y):
            print("fit")
            return super().fit(X, y)
    clf = Clf(epochs=0, random_state=0)
    display = FreezeDepthDisplay.from_estimator(clf, X[:60], y[:60], freeze_until=[0, 1], cv=2)
    print(type(display.curves["small_cnn"]).__module__.partition(".")[0])
"""


def run_without(missing, program):
    program = textwrap.dedent(ONLY_THESE).format(missing=missing) + textwrap.dedent(program)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


def test_displays_of_searches_run_with_the_extras_of_the_install_page():
    missing = set(packages_distributions()) - importable_with("tensorflow", "plot")
    assert {"dask", "numpydoc", "pytest"} <= missing
    done = run_without(missing, DISPLAY)
    assert done.stderr == ""
    assert done.stdout == "fit\n" * 4 + "pandas\n"


@pytest.mark.parametrize("package", ["pandas", "matplotlib"])
def test_a_package_that_displays_lack_is_named_before_anything_is_fitted(package):
    done = run_without({package}, DISPLAY)
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: FreezeDepthDisplay.from_estimator requires {package}")


def test_a_frame_without_pandas_is_an_error_before_anything_is_read(tmp_path):
    program = f"""
        from skfashion.datasets import fetch_fashion_mnist
        fetch_fashion_mnist(data_home={str(tmp_path / "home")!r}, as_frame=True, flatten=True)
    """
    last = run_without({"pandas"}, program).stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: as_frame=True requires pandas")
    assert not (tmp_path / "home").exists()
