"""Pickles of versions whose modules are gone fail with a sentence."""

import importlib.util
import pickle
import sys
import types

import pytest

from skfashion import TransferClassifier


def pickle_as(module_name, estimator):
    """Pickle an estimator as a version did that had its class in another module."""
    module = types.ModuleType(module_name)
    old_class = type(type(estimator).__name__, (), {"__module__": module_name})
    setattr(module, old_class.__name__, old_class)
    sys.modules[module_name] = module
    try:
        old = old_class()
        old.__dict__ = dict(vars(estimator))
        return pickle.dumps(old)
    finally:
        del sys.modules[module_name]


@pytest.mark.parametrize("module", ["skfashion._classifier", "skfashion._networks._gone"])
def test_a_pickle_of_another_version_says_so(module):
    with pytest.raises(ModuleNotFoundError, match=rf"'{module}'.* another version .* fit the est"):
        pickle.loads(pickle_as(module, TransferClassifier()))


def test_other_missing_modules_are_left_to_python():
    assert importlib.util.find_spec("skfashion.no_such_module") is None
    assert importlib.util.find_spec("no_such_package") is None
    with pytest.raises(ImportError, match="cannot import name 'Nothing'"):
        from skfashion._networks import Nothing  # noqa: F401


def test_a_module_that_is_there_is_left_to_other_finders(tmp_path):
    (finder,) = [each for each in sys.meta_path if type(each).__name__ == "_MissingModules"]
    for name in ("skfashion._command_line", "skfashion._command_line.report"):
        assert finder.find_spec(name, [str(tmp_path)]) is None
    with pytest.raises(ModuleNotFoundError, match="has no module"):
        finder.find_spec("skfashion._command_line.no_such_module")
