"""Results of other code are never found again."""

import os
import platform
import shutil
from pathlib import Path

import pytest
from tensorflow.python.framework import config

import skfashion
from skfashion._cache import fingerprint
from skfashion._cache.fingerprint import environment_fingerprint, process_fingerprint
from skfashion._cache.source_code import PACKAGE, RunningCode, hash_code, stat_modules
from skfashion._keras.start_environment import read_environment
from skfashion._keras.tensorflow import tf
from tests.programs import run_program

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy") / "anywhere"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__", "data"))
    return folder


def test_what_tensorflow_read_at_its_start_counts(monkeypatch):
    before = process_fingerprint.__wrapped__()
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "later")
    assert process_fingerprint.__wrapped__() == before
    monkeypatch.setattr(fingerprint, "START_ENVIRONMENTS", [read_environment()])
    assert process_fingerprint.__wrapped__() != before


@pytest.mark.parametrize("name", ["cuda_version", "cudnn_version"])
def test_versions_that_tensorflow_was_built_with_count(monkeypatch, name):
    before, build = process_fingerprint.__wrapped__(), tf.sysconfig.get_build_info()
    monkeypatch.setattr(tf.sysconfig, "get_build_info", lambda: {**build, name: "other"})
    assert process_fingerprint.__wrapped__() != before


def test_a_system_that_does_not_describe_its_processor(monkeypatch, tmp_path):
    monkeypatch.setattr(fingerprint, "Path", lambda path: tmp_path / "none")
    assert fingerprint._describe_processor() == [platform.processor()]


def test_the_folder_does_not_count(copied):
    assert hash_code(copied) == hash_code(PACKAGE)


@pytest.mark.parametrize("module", ["_messages.py", "_cache/hashing.py", "datasets/_idx.py"])
def test_one_byte_of_a_module_counts(copied, module):
    before, content = hash_code(copied), (copied / module).read_bytes()
    try:
        (copied / module).write_bytes(content[:-1] + b" ")
        assert hash_code(copied) != before
    finally:
        (copied / module).write_bytes(content)
    assert hash_code(copied) == before


def test_the_modules_of_all_sub_packages_count():
    assert Path(skfashion.__file__).parent == PACKAGE
    modules = [Path(path).relative_to(PACKAGE) for path, *_ in stat_modules(PACKAGE)]
    assert sorted(modules) == MODULES
    folders = {module.parent.name for module in modules}
    assert folders >= {"_backbones", "_cache", "_data", "_keras", "_networks", "_training"}


def test_a_module_that_moves_comes_or_goes_counts(copied):
    before = hash_code(copied)
    moved = (copied / "_cache/hashing.py").rename(copied / "_networks/hashing.py")
    after = hash_code(copied)
    moved.rename(copied / "_cache/hashing.py")
    assert after != before
    new = copied / "_training/new.py"
    new.write_text("")
    after = hash_code(copied)
    new.unlink()
    assert after != before


def test_the_fingerprint_is_that_of_the_whole_package(monkeypatch, copied):
    before = environment_fingerprint()
    assert environment_fingerprint() == before
    for package, is_same in ((copied, True), (copied / "_cache", False)):
        monkeypatch.setattr(fingerprint, "RUNNING_CODE", RunningCode(package))
        assert (environment_fingerprint() == before) is is_same


@pytest.mark.parametrize("is_hashed_before", [False, True])
@pytest.mark.parametrize("change", ["content", "time", "new module", "no module"])
def test_code_that_changed_after_its_import_shares_no_results(copied, change, is_hashed_before):
    processes = [RunningCode(copied) for _ in range(2)]
    if is_hashed_before:
        assert {code.hash() for code in processes} == {hash_code(copied)}
    module, new = copied / "_networks" / "pooled_pass.py", copied / "_networks" / "new.py"
    content, times = module.read_text(), module.stat()
    if change == "content":
        module.write_text(f"{content}# a new version\n")
    elif change == "time":
        os.utime(module, (1, 1))
    elif change == "no module":
        module.unlink()
    else:
        new.write_text("")
    hashes = {hash_code(copied)}
    try:
        for code in processes:
            with pytest.warns(UserWarning, match="files of skfashion changed .* Restart Python"):
                hashes.add(code.hash())
        assert len(hashes) == 3
    finally:
        module.write_text(content)
        os.utime(module, ns=(times.st_atime_ns, times.st_mtime_ns))
        new.unlink(missing_ok=True)
    # These processes may have imported changed modules meanwhile. They warn once.
    assert {code.hash() for code in processes} < hashes
    # An upgrade is known to processes that start later.
    assert RunningCode(copied).hash() == hash_code(copied)


def test_code_without_its_files_is_unknown(tmp_path):
    (tmp_path / "module.pyc").touch()
    for package in (tmp_path, tmp_path / "archive.zip" / "skfashion"):
        processes = [RunningCode(package) for _ in range(2)]
        hashes = set()
        for code in processes:
            with pytest.warns(UserWarning, match=r"without \.py files, .* Install skfashion with"):
                hashes.add(code.hash())
            assert code.hash() in hashes
        assert len(hashes) == 2


def test_hidden_files_of_editors_are_no_modules(tmp_path):
    (tmp_path / "module.py").touch()
    (tmp_path / ".#module.py").symlink_to(tmp_path / "nowhere")
    assert [path for path, *_ in stat_modules(tmp_path)] == [str(tmp_path / "module.py")]


def test_the_state_of_modules_is_read_when_the_library_is_imported():
    program = "import sys, skfashion; print('skfashion._cache.source_code' in sys.modules)"
    assert run_program(program).stdout == "True\n"


def switch_determinism(is_on):
    (config.enable_op_determinism if is_on else config.disable_op_determinism)()


def test_settings_that_change_in_a_process_count():
    before = environment_fingerprint()
    assert environment_fingerprint() == before
    changed = {before}
    for switch, first, last in (
        (tf.config.optimizer.set_jit, True, ""),
        (tf.config.experimental.enable_tensor_float_32_execution, False, True),
        (switch_determinism, True, False),
    ):
        switch(first)
        try:
            changed.add(environment_fingerprint())
        finally:
            switch(last)
        assert environment_fingerprint() == before
    assert len(changed) == 4
