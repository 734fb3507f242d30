"""The Python of README and of the guide pages runs as it is printed.

The bundled sample is cut to 20 images of each class, and the folders that pages name are made, with
nine photographs of each class: all else is as a reader has it.
"""

import os
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import skfashion
from skfashion import TransferClassifier, datasets
from tests.class_split import first_of_each
from tests.residual import RESIDUAL
from tests.weight_files import require_weights

from .pages import PAGES, ROOT, find_blocks, find_undefined

pytestmark = pytest.mark.skipif(
    not (ROOT / "docs").exists(), reason="a source distribution has no pages"
)

BLOCKS = {page.name: find_blocks(page) for page in PAGES}
BLOCKS = {name: blocks for name, blocks in BLOCKS.items() if blocks}
RUN = {name: [each for each in blocks if not each.not_run] for name, blocks in BLOCKS.items()}

# Where a block cannot run on this machine, a comment on its page has one of these reasons.
REASONS_NOT_TO_RUN = {"another library", "a cluster of other machines"}
# These fetch weights, and run if the environment variable SKFASHION_NETWORK is set. No hash of
# MobileNetV2's weights is published, so that a file from elsewhere stands in for the release.
NEED_NETWORK = {("backbones.rst", 0), ("sharing.rst", 3)}
if os.environ.get("SKFASHION_NETWORK"):
    NEED_NETWORK = set()
# Quick enough for the fast suite.
FAST = {"images.rst", "inspection.rst", "transfer_learning.rst"}

# -- What pages presuppose -----------------------------------------------------------------------

_load_sample = datasets.load_fashion_sample


def load_few(*, subset="train", return_X_y=False, **params):
    """Load the sample with 20 images of each class."""
    fashion = _load_sample(subset=subset, **params)
    fashion.data, fashion.target = first_of_each(fashion.data, fashion.target, 20)
    return (fashion.data, fashion.target) if return_X_y else fashion


def _fit():
    return TransferClassifier(epochs=1, random_state=0).fit(*load_few(return_X_y=True))


# The first page defines data and a classifier, and pages on one subject go on with them.
PRESUPPOSED = {
    "X": lambda: load_few(return_X_y=True)[0],
    "y": lambda: load_few(return_X_y=True)[1],
    "clf": _fit,
}
# These pages also presuppose data, or a backbone, of a kind that they name.
PRESUPPOSED_ON = {
    "backbones.rst": {
        name: PRESUPPOSED[name[0]] for name in ("X_fashion", "y_fashion", "X_digits", "y_digits")
    },
    "saving.rst": {"backbone": lambda: RESIDUAL},
}


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Make a folder like a reader's the working one: photographs, and official weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "load_fashion_sample", load_few)
    for folder in ("photos", "test"):
        for path in datasets.get_surfaces_folder().glob("*/*-0?.jpg"):
            (tmp_path / folder / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / folder / path.parent.name)
    Path("new").mkdir()
    shutil.copy(Path("photos/brick/brick-01.jpg"), "new/IMG_0001.jpg")
    np.save("photographs.npy", load_few().data)
    yield tmp_path
    plt.close("all")


@pytest.fixture
def official_weights(reader, monkeypatch):
    """Put weights of MobileNetV2 where Keras keeps the release."""
    weights = require_weights("mobilenet_v2")
    official = skfashion._backbones.registry.get_backbone("mobilenet_v2").official
    cache = reader / "keras" / "models"
    cache.mkdir(parents=True)
    shutil.copy(weights, cache / official.file_name)
    monkeypatch.setenv("KERAS_HOME", str(reader / "keras"))


# -- Tests ---------------------------------------------------------------------------------------


def test_all_blocks_of_python_are_collected():
    for page in PAGES:
        text = page.read_text()
        blocks = BLOCKS.get(page.name, [])
        assert len(blocks) == text.count("code-block:: python") + text.count("```python")
    assert len(BLOCKS) > 10


@pytest.mark.parametrize("page", BLOCKS)
def test_blocks_define_what_they_use(page):
    known = PRESUPPOSED | PRESUPPOSED_ON.get(page, {})
    assert find_undefined(RUN[page]) <= set(known)


def test_blocks_that_are_not_run_say_why():
    reasons = {block.not_run for blocks in BLOCKS.values() for block in blocks} - {None}
    assert reasons == REASONS_NOT_TO_RUN


# Keras warns so when it saves a model.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[] if page in FAST else pytest.mark.slow) for page in RUN],
)
def test_blocks_run_as_printed(page, reader, request):
    blocks = [block for number, block in enumerate(RUN[page]) if (page, number) not in NEED_NETWORK]
    if any(".fit(" in each.code and 'weights="imagenet"' in each.code for each in blocks):
        request.getfixturevalue("official_weights")
    known = PRESUPPOSED | PRESUPPOSED_ON.get(page, {})
    namespace = {"__name__": "__main__"}
    namespace |= {name: known[name]() for name in sorted(find_undefined(RUN[page]))}
    for block in blocks:
        exec(block.compile(), namespace)
