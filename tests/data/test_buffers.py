"""Free memory: of the machine, and of the control group that limits a container."""

from types import SimpleNamespace

import psutil
import pytest

from skfashion._data import buffers


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Folders of control groups, and the file that names the group of this process."""
    folder = tmp_path / "cgroup"
    (folder / "outer" / "inner").mkdir(parents=True)
    monkeypatch.setattr(buffers, "_GROUPS", folder)
    monkeypatch.setattr(buffers, "_GROUP_OF_PROCESS", tmp_path / "self")
    (tmp_path / "self").write_text("1:cpu:/other\n0::/outer/inner\n")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1_000))
    return folder


def limit(group, most, used, cached=0):
    (group / "memory.max").write_text(f"{most}\n")
    (group / "memory.current").write_text(f"{used}\n")
    (group / "memory.stat").write_text(f"anon 1\ninactive_file {cached}\n")


def test_without_limits_it_is_that_of_the_machine(groups, tmp_path):
    assert buffers.free_memory() == 1_000
    limit(groups / "outer", "max", 10)
    assert buffers.free_memory() == 1_000
    (tmp_path / "self").unlink()
    assert buffers.free_memory() == 1_000


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ((5_000, 100), (300, 100), 200),
        ((300, 100), (5_000, 100), 200),
        ((300, 100), (150, 100), 50),
        ((5_000, 100), (300, 400), 0),
        ((5_000, 100), (300, 250, 200), 250),
        ((5_000, 100), (4_000, 100), 1_000),
    ],
)
def test_the_smallest_limit_counts(groups, outer, inner, expected):
    limit(groups / "outer", *outer)
    limit(groups / "outer" / "inner", *inner)
    assert buffers.free_memory() == expected


def test_a_container_sees_its_group_as_the_root(groups, tmp_path):
    (tmp_path / "self").write_text("0::/\n")
    limit(groups, 300, 100)
    assert buffers.free_memory() == 200
