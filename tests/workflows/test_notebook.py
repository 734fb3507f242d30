"""The notebook of the reference protocol: its stored outputs, and a run in Jupyter's kernel."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

PATH = Path(__file__).parents[2] / "examples" / "notebooks" / "reference_protocol.ipynb"

pytestmark = pytest.mark.skipif(
    not PATH.exists(), reason="a source distribution has no pages and no examples"
)

SECTIONS = [
    "Data",
    "The small CNN",
    "The protocol",
    "A sane optimizer",
    "The report's headline",
    "Accuracies of others",
]
# The tables of parameters, and of numbers of images, which no machine and no seed changes.
FIXED = ("data", "layers", "total", "freeze")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs_by_tag(notebook):
    """Return the text of the last output of each tagged cell."""
    return {
        cell.metadata.tags[0]: cell.outputs[-1].data["text/plain"]
        for cell in code_cells(notebook)
        if "tags" in cell.metadata
    }


def accuracies(text, column):
    """Return a column of the fractions in a table."""
    rows = [re.findall(r"\b[01]\.\d+", line) for line in text.splitlines()]
    return [float(row[column]) for row in rows if row]


def check_outputs(outputs):
    """Check what the protocol fixes exactly, and accuracies by ranges that seeds stay in."""
    parameters = [int(line.split()[-1]) for line in outputs["layers"].splitlines()[1:]]
    assert [number for number in parameters if number] == [320, 9_248, 589_952, 645]
    assert outputs["total"] == "600165"
    assert [line.split()[-3:] for line in outputs["freeze"].splitlines()[1:]] == [
        ["features", "9568", "590597"]
    ] * 2
    # 100 batches with Adadelta are little more than guessing, which gives 0.2.
    assert all(0.15 < accuracy < 0.6 for accuracy in accuracies(outputs["reference"], 1))
    assert all(0.78 < accuracy < 0.98 for accuracy in accuracies(outputs["sane"], 1))
    assert all(0.78 < accuracy < 0.98 for accuracy in accuracies(outputs["scratch"], 1))
    assert accuracies(outputs["reference"], 0) == [0.7114, 0.5364, 0.6914, 0.7126]
    assert len(accuracies(outputs["sane"], 1)) == 4


def test_stored_outputs_are_of_one_complete_run():
    notebook = nbformat.read(PATH, as_version=4)
    nbformat.validate(notebook)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == SECTIONS
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    types = {output.output_type for cell in cells for output in cell.outputs}
    assert types == {"execute_result", "display_data"}  # no error, no warning
    check_outputs(outputs_by_tag(notebook))


@pytest.mark.slow
def test_notebook_runs_in_a_kernel():
    stored = nbformat.read(PATH, as_version=4)
    fresh = nbformat.read(PATH, as_version=4)
    for cell in code_cells(fresh):
        cell.outputs = []
    NotebookClient(fresh, timeout=900, kernel_name="python3").execute()
    outputs = outputs_by_tag(fresh)
    check_outputs(outputs)
    assert {tag: outputs[tag] for tag in FIXED} == {
        tag: outputs_by_tag(stored)[tag] for tag in FIXED
    }
