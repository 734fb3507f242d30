"""Fixtures of tests with several processes."""

import os

import pytest


@pytest.fixture(scope="module")
def environment_as_it_was():
    """Dask leaves what it sets for workers in the environment of the process that starts them."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
