import pytest

from skfashion import load, save


@pytest.fixture
def saved(tmp_path):
    """Save an estimator and load it again."""

    def saved(estimator, **options):
        save(estimator, tmp_path / "a.skf")
        return load(tmp_path / "a.skf", **options)

    return saved
