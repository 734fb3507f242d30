"""Files that are damaged or made to do harm: a `ValueError` that names them, and nothing else."""

import copy
import hashlib
import json
import os
import pickle
import random
import zipfile
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
import safetensors.numpy
import skops.io
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skfashion import BackboneFeatures, Recipe, TransferClassifier, __version__, load, save
from skfashion._persistence import file_format
from skfashion._persistence.file_format import MOST_HEADER_BYTES, read_document, write_document

BLANK = "0" * 64


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    """A file of a fitted classifier; its document and its arrays."""
    path = tmp_path_factory.mktemp("saved") / "a.skf"
    save(fitted, path)
    return path.read_bytes(), *read_document(path)


@pytest.fixture
def refuses(tmp_path):
    """Check that loading bytes is an error which names the file."""
    path = tmp_path / "bad.skf"

    def refuses(content, message=""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"bad\.skf.* cannot be loaded: .*{message}"):
            load(path)
        assert [*tmp_path.iterdir()] == [path]

    return refuses


def file_of(text, arrays=None):
    """Return a file with a right checksum and any text in place of the document."""
    metadata = {"document": text, "checksum": BLANK}
    content = safetensors.numpy.save(arrays or {"a": np.zeros(2)}, metadata)
    checksum = hashlib.sha256(content).hexdigest()
    return content.replace(f'"checksum":"{BLANK}"'.encode(), f'"checksum":"{checksum}"'.encode())


# -- Damage ------------------------------------------------------------------------------------


def test_flipped_bits_and_cut_files(saved, refuses):
    content, *_ = saved
    draw = random.Random(0)
    n_header = int.from_bytes(content[:8], "little")
    places = [*range(70), *(draw.randrange(n_header) for _ in range(100))]
    for place in [*places, *(draw.randrange(len(content)) for _ in range(30))]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << draw.randrange(8)
        refuses(flipped)
    for length in [0, 1, 7, 8, 9, n_header, n_header + 8, len(content) - 1]:
        refuses(content[:length])
    refuses(content + b"\0", "damaged")


def test_a_file_that_is_replaced_while_it_is_read(saved, tmp_path, monkeypatch):
    """The document and the arrays would come from two estimators."""
    content, *_ = saved
    path, other = tmp_path / "a.skf", tmp_path / "other.skf"
    path.write_bytes(content)
    other.write_bytes(content)
    compute_checksum = file_format._compute_checksum

    def replace_after(*args):
        checksum = compute_checksum(*args)
        other.replace(path)
        return checksum

    monkeypatch.setattr(file_format, "_compute_checksum", replace_after)
    with pytest.raises(ValueError, match=r"a\.skf.*another process replaced it.*repeat the call"):
        load(path)


def test_other_files(refuses):
    refuses(pickle.dumps(TransferClassifier()), "skfashion.save did not write it")
    refuses(safetensors.numpy.save({"a": np.zeros(3)}), "skfashion.save did not write it")
    refuses(safetensors.numpy.save({"a": np.zeros(3)}, {"document": "{}"}), "did not write it")
    refuses(skops.io.dumps(LogisticRegression()))
    refuses(b"\2\0\0\0\0\0\0\0[]")
    refuses((MOST_HEADER_BYTES + 1).to_bytes(8, "little") + b" " * 100)


def test_a_large_sparse_file_is_not_read(tmp_path):
    path = tmp_path / "a.skf"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="did not write it"):
        load(path)


def test_a_document_that_is_too_large_to_read_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"takes 5\.0 MB as JSON.* at most 4\.2 MB of it"):
        TransferClassifier(target_classes=["x" * 5_000_000]).save(tmp_path / "a.skf")
    assert not [*tmp_path.iterdir()]


# -- Contents that are not what they should be, with a right checksum ---------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "did not write it"),
        ("[" * 100_000, "did not write it"),
        ('{"a":' * 100_000, "did not write it"),
        ("[" * 900 + "]" * 900, "format"),
        ("1" * 10_000, "did not write it"),
        ("[]", "no format number"),
        ('{"format":true}', "no format number"),
        ('{"format":2,"version":"9.1"}', "format 2, written by skfashion 9.1, .* reads format 1"),
        ('{"format":1}', "not have the form that save writes"),
        ('{"format":1,"estimator":3}', "holds no estimator"),
        ('{"format":1,"estimator":{"os.system":"true"}}', "the class 'os.system', .* unknown"),
        ('{"format":1,"estimator":{"Recipe":{"warmup":3}}}', "'warmup' parameter"),
        ('{"format":1,"estimator":{"float":"x"}}', "not have the form"),
        ('{"format":1,"estimator":{"stored":"nothing"}}', "not have the form"),
        ('{"format":1,"estimator":{"array":["<U999999",[1000000],[]]}}', "too large"),
        ('{"format":1,"estimator":{"array":["<U8",[4194305],[]]}}', "too large"),
        ('{"format":1,"estimator":{"array":["<U8",[4194304],[]]}}', "has 0 values"),
        ('{"format":1,"estimator":{"array":["O",[3],[]]}}', "has 0 values"),
        ('{"format":1,"estimator":{"array":["V8",[1],[0]]}}', "'V8' cannot be"),
        ('{"format":1,"estimator":{"tuple":{"range":[0,1000000000,1]}}}', "is of type dict"),
        ('{"format":1,"estimator":{"set":{"stored":"a"}}}', "is of type dict"),
        ('{"format":1,"estimator":{"frozenset":"abc"}}', "is of type str"),
        ('{"format":1,"estimator":' + '{"tuple":[' * 450 + "]}" * 450 + "}", "RecursionError"),
    ],
)
def test_documents_of_another_form(refuses, text, message):
    refuses(file_of(text), message)


@pytest.mark.parametrize("kind", ["array", "scalar"])
def test_the_memory_of_all_arrays_in_json_is_bounded(refuses, kind):
    # Each array alone is below the limit.
    half = {kind: ["<U999999", [17], [""] * 17]}
    refuses(file_of(json.dumps({"format": 1, "estimator": half})), "holds no estimator")
    text = json.dumps({"format": 1, "estimator": [half, half]})
    refuses(file_of(text), "too large for JSON, in which all arrays together take at most 134 MB")


def test_arrays_that_are_too_large_to_read_are_not_written(tmp_path):
    wide = np.array(["x"] * 17, "<U999999")
    with pytest.raises(TypeError, match=r"target_classes: an array .* is too large for JSON"):
        TransferClassifier(pretrain_classes=wide, target_classes=wide).save(tmp_path / "a.skf")
    assert not [*tmp_path.iterdir()]


def change_at(document, path, change):
    """Return a copy of a document with a change at a path of keys."""
    document = copy.deepcopy(document)
    *parents, last = path
    place = document
    for key in parents:
        place = place[key]
    place[last] = change(place[last])
    return document


NETWORK = "estimator", "TransferClassifier", "fitted", "FittedState", "network", "FittedNetwork"
ARCHITECTURE = *NETWORK, "architecture", "Architecture"


@pytest.mark.parametrize(
    ("path", "change", "message"),
    [
        (
            (*ARCHITECTURE, "n_classes"),
            lambda n: n + 1,
            "number of outputs of the network is not the number of labels",
        ),
        ((*ARCHITECTURE, "n_classes"), str, "Architecture.n_classes is missing, unknown or"),
        ((*ARCHITECTURE, "image_shape"), lambda shape: {"tuple": [9, 9, 1]}, "contradict"),
        ((*ARCHITECTURE, "image_shape"), lambda shape: {"tuple": [9, 9]}, "image_shape is miss"),
        ((*ARCHITECTURE, "n_classes"), lambda n: True, "Architecture.n_classes is missing, unkn"),
        ((*ARCHITECTURE, "dtype"), lambda dtype: "int8", "'int8' is unknown"),
        (NETWORK, lambda network: {**network, "more": 1}, "FittedNetwork.more is missing, unk"),
        ((*NETWORK, "store"), lambda store: {"path": "/"}, "FittedNetwork.store is missing"),
        ((*ARCHITECTURE, "backbone", "Backbone", "name"), lambda n: "gone", "does not ship"),
        ((*ARCHITECTURE, "backbone", "Backbone", "stages"), lambda s: ["a"], "has stages="),
        (NETWORK[:2], lambda values: {**values, "params": {"dict": [["x", 1]]}}, "keyword"),
        (NETWORK[:3], lambda state: {"Recipe": {}}, "not have the form that save writes"),
    ],
    ids=lambda value: str(value[-1]) if isinstance(value, tuple) else None,
)
def test_fitted_states_that_contradict_themselves(saved, refuses, tmp_path, path, change, message):
    _, document, arrays = saved
    write_document(tmp_path / "bad.skf", change_at(document, path, change), arrays)
    refuses((tmp_path / "bad.skf").read_bytes(), message)


def test_a_file_of_another_version_names_it(saved, refuses, tmp_path):
    """A later version may keep the format and add a parameter, or an entry of the state."""
    _, document, arrays = saved
    later = {**document, "version": "97.1"}
    added = {
        (*NETWORK[:2], "params"): lambda params: {"dict": [*params["dict"], ["new", 1]]},
        NETWORK: lambda network: {**network, "new": 1},
    }
    for path, change in added.items():
        write_document(tmp_path / "bad.skf", change_at(later, path, change), arrays)
        message = rf"new.*\. skfashion 97\.1 wrote it, and this is skfashion {__version__}\. If"
        refuses((tmp_path / "bad.skf").read_bytes(), message)
        write_document(tmp_path / "bad.skf", change_at(document, path, change), arrays)
        refuses((tmp_path / "bad.skf").read_bytes(), r"new[^.]*$")


def test_weights_that_are_not_finite_or_missing(saved, refuses, tmp_path):
    _, document, arrays = saved
    name = next(name for name in arrays if name.endswith("conv1/kernel"))
    for changed, message in [
        ({**arrays, name: arrays[name] * np.nan}, "'conv1/kernel' are not all finite"),
        ({key: array for key, array in arrays.items() if key != name}, "KeyError.*conv1/kernel"),
    ]:
        write_document(tmp_path / "bad.skf", document, changed)
        refuses((tmp_path / "bad.skf").read_bytes(), message)


def paths_in(value, path=()):
    """Yield the paths of all values inside of JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        yield (*path, key)
        if isinstance(each, dict | list):
            yield from paths_in(each, (*path, key))


# Some values say that the backbone was changed.
@pytest.mark.filterwarnings("ignore:The estimator was saved with a changed copy:UserWarning")
def test_a_value_of_another_kind_anywhere(saved, tmp_path):
    _, document, arrays = saved
    path, draw = tmp_path / "bad.skf", random.Random(1)
    places = [*paths_in(document)]
    wrong = [None, -1, 1e300, "", "x", [], {}, [[]], {"path": "/"}, {"float": "nan"}, {"x": 1}]
    n_refused = 0
    for place in draw.sample(places, 200):
        changed = change_at(document, place, lambda _: draw.choice(wrong))
        write_document(path, changed, arrays)
        try:
            loaded = load(path)
        except ValueError:
            n_refused += 1
        else:
            # Some values may be others, as a path of weights. Names of weights and of the freeze
            # point are only looked up where the network is built.
            with suppress(ValueError, KeyError):
                loaded.predict_proba(np.zeros((1, 14, 14), "uint8"))
    assert n_refused > 150


# -- What skops wrote --------------------------------------------------------------------------


@pytest.fixture
def with_skops(tmp_path):
    """Return a file of a pipeline whose skops archive is changed."""

    def with_skops(change):
        path = tmp_path / "bad.skf"
        save(make_pipeline(BackboneFeatures(), LogisticRegression()), path)
        document, arrays = read_document(path)
        content = change(arrays["skops"].tobytes())
        write_document(path, document, {"skops": np.frombuffer(content, np.uint8)})
        return path.read_bytes()

    return with_skops


def compressed(_):
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 2**28)
    return content.getvalue()


def schema_of(n_bytes):
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("schema.json", b" " * n_bytes)
    return content.getvalue()


def overlapping(content):
    """Return an archive in which a hundred names stand for the same bytes."""
    file = BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("last", b"x" * 1000)
        for number in range(100):
            same = copy.copy(archive.getinfo("last"))
            same.filename = str(number)
            archive.filelist.append(same)
    return file.getvalue()


def with_bomb(_):
    """Return an archive with a member that is a compressed archive itself."""
    bomb, file = BytesIO(), BytesIO()
    np.savez_compressed(bomb, data=np.zeros(2**20, np.uint8))
    schema = {
        "__class__": "spmatrix",
        "__module__": "scipy.sparse._matrix",
        "__loader__": "SparseMatrixNode",
        "type": "scipy",
        "file": "bomb.npz",
    }
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("bomb.npz", bomb.getvalue())
        archive.writestr("schema.json", json.dumps(schema))
    return file.getvalue()


def test_archives_of_skops(with_skops, refuses):
    refuses(with_skops(with_bomb), "the archive has parts that are archives")
    harmful = skops.io.dumps(make_pipeline(FunctionTransformer(os.system), LogisticRegression()))
    refuses(with_skops(lambda _: harmful), "skops cannot read it: .*system")
    own = skops.io.dumps(TransferClassifier())
    refuses(with_skops(lambda _: own), "skops cannot read it: .*TransferClassifier")
    refuses(with_skops(compressed), "compressed or overlapping")
    refuses(with_skops(overlapping), "compressed or overlapping")
    refuses(with_skops(lambda _: schema_of(2**24 + 1)), "larger than 16777216 bytes")
    refuses(with_skops(lambda _: schema_of(2**24)), "skops cannot read it: Expecting value")
    refuses(with_skops(lambda content: content[:-30]), "skops cannot read it")
    refuses(with_skops(lambda _: skops.io.dumps(Recipe())), "skops cannot read it: .*Recipe")


def test_arguments_of_distributions_are_numbers(refuses, tmp_path):
    path = tmp_path / "bad.skf"
    distributions = {"learning_rate": stats.loguniform(1e-4, 0.1)}
    save(RandomizedSearchCV(TransferClassifier(), distributions), path)
    document, arrays = read_document(path)
    for numbers in ({"range": [0, 10**9, 1]}, [{"range": [0, 10**9, 1]}]):
        (part,) = [each for each in document["parts"] if "Distribution" in each]
        part["Distribution"].update(name="genpareto", args=[numbers])
        write_document(path, document, arrays)
        refuses(path.read_bytes(), "scipy.stats.genpareto takes numbers and arrays")


def test_trees_are_not_saved_because_skops_does_not_trust_them(tmp_path, fashion):
    from sklearn.tree import DecisionTreeClassifier

    X, y = fashion
    pipeline = make_pipeline(FunctionTransformer(), DecisionTreeClassifier(max_depth=1))
    pipeline.fit(X.reshape(len(X), -1), y)
    with pytest.raises(TypeError, match=r"types that are not trusted.*_tree\.Tree.*pickle it"):
        save(pipeline, tmp_path / "a.skf")
    assert not [*tmp_path.iterdir()]


def test_json_has_no_names_of_modules(saved):
    _, document, _ = saved
    assert "skfashion." not in json.dumps(document)
