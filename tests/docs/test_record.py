"""`benchmarks/record.py` keeps what a benchmark printed, and nothing of one that failed."""

import os
import shutil
import subprocess
import sys

import pytest

from .pages import ROOT

BENCHMARKS = ROOT / "benchmarks"

pytestmark = pytest.mark.skipif(
    not BENCHMARKS.exists(), reason="a source distribution has no benchmarks"
)


@pytest.fixture
def folder(tmp_path):
    """A folder with `record.py` and a benchmark that prints its options."""
    for name in ("record.py", "_results.py"):
        shutil.copy(BENCHMARKS / name, tmp_path)
    (tmp_path / "grid.py").write_text(
        "import sys\nprint('grid, seconds', *sys.argv[1:])\nsys.exit('--fail' in sys.argv)\n"
    )
    return tmp_path


def record(folder, *arguments):
    return subprocess.run(
        [sys.executable, "record.py", *arguments], cwd=folder, capture_output=True, text=True
    )


def test_output_is_shown_and_kept_with_its_command_and_versions(folder):
    run = record(folder, "grid", "--rounds", "3")
    assert (run.returncode, run.stdout) == (0, "grid, seconds --rounds 3\n")
    command, machine, versions, blank, *output = (
        (folder / "results" / "grid.txt").read_text().splitlines()
    )
    assert command == "$ python grid.py --rounds 3"
    assert f"{os.cpu_count()} cores" in machine
    assert "tensorflow" in versions
    assert "scikit-learn" in versions
    assert (blank, output) == ("", ["grid, seconds --rounds 3"])


def test_failed_benchmark_leaves_the_earlier_output(folder):
    assert record(folder, "grid").returncode == 0
    kept = (folder / "results" / "grid.txt").read_text()
    assert record(folder, "grid", "--fail").returncode == 1
    assert (folder / "results" / "grid.txt").read_text() == kept
    assert [path.name for path in (folder / "results").iterdir()] == ["grid.txt"]


def test_each_of_several_benchmarks_has_a_file(folder):
    (folder / "fits.py").write_text("print('fits')\n")
    assert record(folder, "grid", "fits").returncode == 0
    assert {path.name for path in (folder / "results").iterdir()} == {"grid.txt", "fits.txt"}


@pytest.mark.parametrize("arguments", [(), ("--rounds", "3"), ("grid", "fits", "--rounds", "3")])
def test_options_need_exactly_one_benchmark(folder, arguments):
    run = record(folder, *arguments)
    assert run.returncode == 1
    assert run.stderr.startswith("usage: record.py NAME")
    assert not (folder / "results").exists()
