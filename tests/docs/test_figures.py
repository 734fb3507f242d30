"""Tables of measurements are what benchmarks printed.

`benchmarks/record.py` keeps their output in `benchmarks/results/`. Pages include tables from there,
so that they cannot differ. README cannot include files: its tables are compared.
"""

import re

import pytest

from .pages import PAGES, ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "docs").exists(), reason="a source distribution has no pages"
)

RESULTS = ROOT / "benchmarks" / "results"
README, *GUIDE = PAGES

# Tables of figures that no benchmark measures, by page and section, and where they are from.
NOT_MEASURED = {
    ("backbones.rst", "Features for other classifiers"): "test_backbone_features.py checks them",
    ("class_split.rst", "The small CNN"): "the sizes of its layers",
    ("comparison.rst", "Moving from skorch"): "values of parameters",
    ("images.rst", "Forms and pixel values"): "the rules for pixel values",
}
# These were typed before outputs were kept. `benchmarks/record.py` prints them anew.
NOT_KEPT = {
    ("backbones.rst", "Accuracy on all of Fashion-MNIST"): "report_table",
    ("backbones.rst", "Accuracy on other domains"): "other_domains",
    ("class_split.rst", "Published figures"): "reference_protocol",
    ("defaults.rst", "Accuracy with few images"): "few_labels",
    ("photographs.rst", "Beside other libraries"): "image_files",
    ("speed.rst", "Memory of a search"): "memory_growth",
}
NOT_KEPT_IN_README = {"reference_protocol", "report_table"}

_RULE = re.compile(r"^ *=+(  +=+)+$")
_TITLE = re.compile(r"^(=+|-+|~+)$")
_INCLUDE = re.compile(
    r"^\.\. include:: \.\./benchmarks/results/(?P<file>\S+)\n"
    r"   :start-after: (?P<begin>.+)\n(?:   :end-before: (?P<end>.+)\n)?",
    re.MULTILINE,
)
_FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)?")


def find_typed_tables(page):
    """Return the section and the body of each simple table that is typed on a page."""
    lines, section, rules = page.read_text().splitlines(), None, []
    for number, line in enumerate(lines):
        above = lines[number - 1]
        if _TITLE.match(line) and above.strip() and not _TITLE.match(above):
            section = above
        if _RULE.match(line):
            rules.append(number)
        if len(rules) == 3:
            yield section, "\n".join(lines[rules[1] + 1 : number])
            rules = []


def test_tables_that_were_typed_have_a_benchmark():
    for name in {*NOT_KEPT.values(), *NOT_KEPT_IN_README}:
        assert (ROOT / "benchmarks" / f"{name}.py").exists()


def has_measurements(table):
    return re.search(r"\d\.\d|\d (?:s|MB|%)(?:\W|$)|  \d\d+(?:\W|$)", table, re.MULTILINE)


@pytest.mark.parametrize("page", GUIDE, ids=lambda page: page.name)
def test_tables_of_figures_are_included_from_an_output(page):
    typed = {section for section, body in find_typed_tables(page) if has_measurements(body)}
    listed = {
        section
        for table in (NOT_MEASURED, NOT_KEPT)
        for name, section in table
        if name == page.name
    }
    assert typed == listed


@pytest.mark.parametrize("page", GUIDE, ids=lambda page: page.name)
def test_included_outputs_have_the_table(page):
    text = page.read_text()
    includes = list(_INCLUDE.finditer(text))
    assert len(includes) == text.count(":: ../benchmarks/results/")
    for include in includes:
        lines = (RESULTS / include["file"]).read_text().splitlines()
        begin = lines.index(include["begin"])
        assert _RULE.match(lines[begin + 1])
        if include["end"]:
            assert include["end"] in lines[begin:]


def find_readme_tables():
    """Return the benchmark and the rows of each table of figures in README.

    A comment above a table names the benchmark.
    """
    blocks = re.findall(r"<!-- figures: (\w+) -->\n((?:\|.*\n)+)", README.read_text())
    return {name: table.splitlines()[2:] for name, table in blocks}


def test_each_table_of_figures_in_readme_names_its_benchmark():
    tables = re.findall(r"(?:^\|.*\n)+", README.read_text(), re.MULTILINE)
    with_figures = [table for table in tables if has_measurements(table)]
    assert len(with_figures) == len(find_readme_tables())
    kept = {name for name in find_readme_tables() if (RESULTS / f"{name}.txt").exists()}
    assert find_readme_tables().keys() - kept == NOT_KEPT_IN_README


def rows_not_printed(rows, output):
    """Return the rows of a table with a figure that an output does not have."""
    printed = set(_FIGURE.findall(output))
    return [row for row in rows if not set(_FIGURE.findall(row)) <= printed]


def test_a_figure_that_was_not_printed_is_found():
    assert rows_not_printed(["| a | 0.920 |"], "a 0.920") == []
    assert rows_not_printed(["| a | 0.921 |"], "a 0.920") == ["| a | 0.921 |"]


def test_readme_has_the_figures_of_the_outputs():
    kept = find_readme_tables().keys() - NOT_KEPT_IN_README
    if not kept:
        pytest.skip("README has no table with a kept output")
    for name in kept:
        output = (RESULTS / f"{name}.txt").read_text()
        assert rows_not_printed(find_readme_tables()[name], output) == []
