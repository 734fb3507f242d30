"""The wheel and the sdist: contents, size, metadata, and the tests with an installed wheel."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.test_extras import EXTRAS, PROJECT, ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "skfashion").exists(), reason="tests of an installed wheel have no source tree"
)

MOST_BYTES = 4_000_000
# Single modules, data files, the command line, saved estimators, and fits.
PART_OF_THE_SUITE = [
    "tests/test_extras.py",
    "tests/test_layers.py",
    "tests/cache/test_fingerprint.py",
    "tests/datasets",
    "tests/command_line",
    "tests/estimators/test_classifier.py",
    "tests/persistence/test_old_files.py",
    "tests/workflows/test_imports.py",
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the paths of the wheel and of the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    program = (
        "import sys; from hatchling.build import build_sdist, build_wheel; "
        "print(build_wheel(sys.argv[1])); print(build_sdist(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, folder]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [folder / name for name in names.split()]


def package_files():
    """Return the files of the package, relative to the root, without those of the interpreter."""
    files = {path for path in (ROOT / "skfashion").rglob("*") if path.is_file()}
    return {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}


def test_wheel_and_sdist_hold_the_package_and_are_small(built):
    wheel, sdist = built
    assert max(path.stat().st_size for path in built) < MOST_BYTES
    expected = package_files()
    assert {"skfashion/py.typed", "skfashion/datasets/data/fashion_sample.npz"} < expected
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in held if ".dist-info/" not in name} == expected
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert expected < names
    assert {"LICENSE", "README.md", "pyproject.toml", "tests/conftest.py"} < names
    others = {name.partition("/")[0] for name in names - expected}
    assert not others & {"benchmarks", "examples", "build", "dist"}


def test_metadata_of_the_wheel(built):
    files = zipfile.ZipFile(built[0])
    folder = next(name.partition("/")[0] for name in files.namelist() if ".dist-info/" in name)
    metadata = message_from_bytes(files.read(f"{folder}/METADATA"))
    assert metadata["Summary"] == PROJECT["description"]
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata.get_all("License-File") == PROJECT["license-files"]
    licences = {f"{folder}/licenses/{name}" for name in PROJECT["license-files"]}
    assert licences <= set(files.namelist())
    assert metadata.get_all("Classifier") == PROJECT["classifiers"]
    links = dict(link.split(", ") for link in metadata.get_all("Project-URL"))
    assert set(links) >= {"Documentation", "Changelog"}
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().startswith("# skfashion")
    assert set(metadata.get_all("Provides-Extra")) == set(EXTRAS)


@pytest.mark.slow
def test_suite_passes_with_the_installed_wheel(built, tmp_path):
    wheel, sdist = built
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    copy = next(tmp_path.iterdir())
    (copy / "skfashion").rename(tmp_path / "unused")
    # The requirements are those of this environment, so that nothing is downloaded.
    venv.create(tmp_path / "env", symlinks=True)
    paths = {"base": str(tmp_path / "env"), "platbase": str(tmp_path / "env")}
    site_packages = Path(sysconfig.get_path("purelib", "venv", paths))
    zipfile.ZipFile(wheel).extractall(site_packages)
    (site_packages / "requirements.pth").write_text(sysconfig.get_path("purelib"))
    python = Path(sysconfig.get_path("scripts", "venv", paths)) / "python"
    # The path may lead to the source tree.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*arguments):
        return subprocess.run(
            [python, *arguments],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    shown = run("-c", "import skfashion; print(skfashion.__file__)")
    assert Path(shown.stdout).is_relative_to(site_packages), shown.stderr
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *PART_OF_THE_SUITE)
    assert not done.returncode, done.stdout[-4000:]
