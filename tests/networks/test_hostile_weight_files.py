"""Files of weights that are damaged, or made to do harm: an error that names the file, soon."""

import multiprocessing
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from io import BytesIO

import h5py
import keras
import numpy as np
import pytest
import safetensors.numpy

from skfashion._backbones.registry import get_backbone
from skfashion._networks import hdf5_files
from skfashion._networks.architecture import BodyArchitecture
from skfashion._networks.pooled_features import get_body
from skfashion._networks.weight_files import load_body_weights, save_body_weights

KERNEL = "layers/conv2d/vars/0"
MIB = 2**20
NAME = b"model.weights.h5"


@pytest.fixture(scope="module")
def body():
    return get_body(BodyArchitecture(get_backbone("small_cnn"), (14, 14, 1), None, "float32"))


@pytest.fixture(scope="module")
def weights(body):
    rng = np.random.default_rng(0)
    return {v.path: rng.standard_normal(v.shape, "float32") for v in body.body.weights}


@pytest.fixture
def path(body, weights, tmp_path):
    """A file of weights that another process wrote."""
    written = tmp_path / "written.weights.h5"
    save_body_weights(weights, body, written)
    path = tmp_path / "a.weights.h5"
    path.write_bytes(written.read_bytes())
    return path


def assert_refused(path, body, message):
    with pytest.raises(ValueError, match=rf"weights='.*{path.name}' cannot be .*{message}"):
        load_body_weights(path, body)


# -- Loops, and the trial in a child process ----------------------------------------------------


def keras2_file(path, weights):
    """Write weights in the layout of Keras 2, with names of variable length."""
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = ["conv1", "conv2"]
        for layer in ("conv1", "conv2"):
            names = [f"{layer}/kernel", f"{layer}/bias"]
            group.create_group(layer).attrs["weight_names"] = names
            for name in names:
                group[layer][name] = weights[name]
    return path


def looping_file(path, body, weights):
    """Write a file on which the HDF5 library loops for ever, after a similar one that is read."""
    keras2_file(path, weights)
    assert load_body_weights(path, body).keys() == weights.keys()
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL\x01")
    place = heap + 16
    # Objects: number, references, size; number 0 is the free space, which gets the size 0.
    while (number := struct.unpack_from("<H", content, place)[0]) != 0:
        place += 16 + -(-struct.unpack_from("<Q", content, place + 8)[0] // 8) * 8
    assert number == 0
    struct.pack_into("<Q", content, place + 8, 0)
    path.write_bytes(content)
    return path


TOO_LONG = "the HDF5 library crashed, or took too long. It is damaged"


def test_a_file_on_which_the_library_loops_for_ever(body, weights, tmp_path, monkeypatch):
    path, run = looping_file(tmp_path / "a.h5", body, weights), subprocess.run

    def run_for_half_a_minute(*args, **kwargs):
        try:
            return run(*args, **{**kwargs, "timeout": 30})
        except subprocess.TimeoutExpired:
            raise AssertionError("the child process has no limit") from None

    monkeypatch.setattr(subprocess, "run", run_for_half_a_minute)
    assert_refused(path, body, TOO_LONG)


WITHOUT_LIMIT = """
import signal
if hasattr(signal, "setitimer"):
    del signal.setitimer
"""


def test_where_processor_time_has_no_limit_the_trial_ends_by_the_clock(
    body, path, weights, tmp_path, monkeypatch
):
    # Each Python process imports this module when it starts.
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_LIMIT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(hdf5_files, "_CAN_LIMIT", False)
    looping = looping_file(tmp_path / "a.h5", body, weights)
    load_body_weights(path, body)
    monkeypatch.setattr(hdf5_files, "_SECONDS_OF_START", 3)
    monkeypatch.setattr(hdf5_files, "_SECONDS_PER_SECOND", 0)
    assert_refused(looping, body, TOO_LONG)


def test_entries_of_the_module_path_that_are_no_text_are_left_out(body, path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, path.parent, None])
    assert load_body_weights(path, body)


def test_a_file_is_tried_once(body, path, monkeypatch):
    load_body_weights(path, body)

    def fail(*args, **kwargs):
        raise AssertionError("tried again")

    monkeypatch.setattr(subprocess, "run", fail)
    load_body_weights(path, body)
    path.write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match="tried again"):
        load_body_weights(path, body)


def test_where_there_is_no_python_to_start_files_are_read_without_a_trial(body, path, weights):
    before = multiprocessing.spawn.get_executable()
    multiprocessing.set_executable("/no/python")
    try:
        loaded = load_body_weights(path, body)
    finally:
        multiprocessing.set_executable(before)
    assert np.array_equal(loaded["conv1/kernel"], weights["conv1/kernel"])


# -- Links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "link"),
    [
        ("model_weights", h5py.ExternalLink("b.h5", "/model_weights")),
        ("model_weights/conv1", h5py.SoftLink("/elsewhere")),
        ("other", h5py.ExternalLink("b.h5", "/")),
    ],
)
def test_links_are_refused_wherever_they_are(body, weights, tmp_path, place, link):
    keras2_file(tmp_path / "b.h5", weights)
    path = keras2_file(tmp_path / "a.h5", weights)
    with h5py.File(path, "a") as file:
        if place in file:
            file.move(place, "elsewhere")
        file[place] = link
    assert_refused(path, body, f"{place} is not in the file itself")


# -- Sizes ---------------------------------------------------------------------------------------


def archive(path, content, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("config.json", "{}")
        file.writestr("model.weights.h5", content)
    return path


def assert_refused_in_little_memory(path, body, message):
    tracemalloc.start()
    try:
        assert_refused(path, body, message)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB


def test_a_bomb_in_an_archive_is_not_unpacked(body, tmp_path):
    path = archive(tmp_path / "a.keras", bytes(32 * MIB))
    assert_refused_in_little_memory(path, body, "33,554,432 bytes outside, but at most")


def test_an_archive_that_states_a_smaller_size(body, tmp_path):
    path = archive(tmp_path / "a.keras", bytes(32 * MIB))
    content = bytearray(path.read_bytes())
    # The size stands before the name of the file, at the beginning and in the directory.
    for name_at, size_at in ((content.index(NAME), -8), (content.rindex(NAME), -22)):
        assert struct.unpack_from("<I", content, name_at + size_at) == (32 * MIB,)
        struct.pack_into("<I", content, name_at + size_at, MIB)
    path.write_bytes(content)
    assert_refused_in_little_memory(path, body, "Bad CRC-32")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_cannot_be_unpacked_in_parts(body, tmp_path, method):
    path = archive(tmp_path / "a.keras", bytes(16 * MIB), method)
    assert_refused_in_little_memory(path, body, "compressed by another method")


def test_a_deflated_archive_is_read(body, path, weights, tmp_path):
    packed = archive(tmp_path / "a.keras", path.read_bytes())
    loaded = load_body_weights(packed, body)
    assert np.array_equal(loaded["conv2/kernel"], weights["conv2/kernel"])


def test_a_chunk_larger_than_its_array(body, path):
    with h5py.File(path, "a") as file:
        array = file[KERNEL][()]
        del file[KERNEL]
        file.create_dataset(
            KERNEL,
            data=array,
            chunks=(3, 3, 128, 32 * 1024),
            maxshape=(3, 3, None, None),
            compression="gzip",
            compression_opts=1,
        )
    assert_refused(path, body, f"{KERNEL} is stored in chunks of more than")


# -- Numbers -------------------------------------------------------------------------------------


def changed(path, weights, suffix, change):
    """Write the weights with another kernel of the first layer."""
    if suffix == ".safetensors":
        path = path.with_name("a.safetensors")
        kernel = change(weights["conv1/kernel"])
        safetensors.numpy.save_file({**weights, "conv1/kernel": kernel}, path)
        return path
    with h5py.File(path, "a") as file:
        kernel = change(file[KERNEL][()])
        del file[KERNEL]
        file[KERNEL] = kernel
    return path


def with_number(number, dtype="float32"):
    def change(kernel):
        kernel = kernel.astype(dtype)
        kernel[1, 2, 0, 3] = number
        return kernel

    return change


NUMBERS = {
    "nan": (with_number(np.nan), r"nan at \(1, 2, 0, 3\), but weights are finite and between"),
    "-inf": (with_number(-np.inf), r"-inf at \(1, 2, 0, 3\)"),
    "2e9": (with_number(2e9), r"2e\+09 at \(1, 2, 0, 3\)"),
    "1e37": (with_number(1e37), r"1e\+37 at \(1, 2, 0, 3\)"),
    "1e300": (with_number(1e300, "float64"), r"1e\+300 at \(1, 2, 0, 3\)"),
    "int8": (with_number(1, "int8"), "numbers of the type int8"),
    "bool": (with_number(1, bool), "numbers of the type bool"),
}


@pytest.mark.parametrize(
    ("suffix", "number"),
    [(".safetensors", number) for number in NUMBERS]
    + [(".weights.h5", number) for number in ("nan", "1e300", "bool")],
)
def test_numbers_that_are_no_weights(body, path, weights, suffix, number):
    change, message = NUMBERS[number]
    path = changed(path, weights, suffix, change)
    assert_refused(path, body, f"the kernel of layer 'conv1' holds {message}")


def test_a_large_weight_below_the_limit_is_read(body, path, weights):
    path = changed(path, weights, ".safetensors", with_number(9e8))
    assert load_body_weights(path, body)["conv1/kernel"][1, 2, 0, 3] == np.float32(9e8)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_weights_of_another_precision_are_read(body, path, weights, dtype):
    path = changed(path, weights, ".safetensors", lambda kernel: kernel.astype(dtype))
    loaded = load_body_weights(path, body)["conv1/kernel"]
    assert loaded.dtype == "float32"
    np.testing.assert_allclose(loaded, weights["conv1/kernel"], rtol=1e-3, atol=1e-6)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_file_is_the_one_that_keras_writes(body, path, weights, tmp_path):
    """Files are written to memory first; Keras reads them, and writes the same."""
    body.body.save_weights(tmp_path / "keras.weights.h5")
    ours, theirs = ({}, {})
    for file, found in ((path, ours), (tmp_path / "keras.weights.h5", theirs)):
        with h5py.File(BytesIO(file.read_bytes())) as opened:
            opened.visititems(
                lambda name, node, found=found: found.update({name: dict(node.attrs)})
            )
    assert ours == theirs
    model = keras.models.clone_model(body.body)
    model.load_weights(path)
    for variable in model.weights:
        np.testing.assert_array_equal(variable.numpy(), weights[variable.path])
