"""Bad input: each error states the parameter, the rule, what was received and a remedy."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from skfashion import BackboneFeatures, TransferClassifier

IMAGES = np.zeros((6, 9, 8), np.uint8)
LABELS = [0, 1, 2, 0, 1, 2]
DATES = pd.DataFrame({"first": pd.date_range("2020", periods=6)})
COMPLEX = pd.DataFrame({"a": pd.array([1] * 6, "Int64"), "b": 1j})


def with_value(value):
    X = np.zeros((6, 9, 8))
    X[2, 3, 4] = value
    return X


HUGE = with_value(1e308) - with_value(1e308)[::-1]


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (IMAGES[0, 0], LABELS, "Reshape your data"),
        (np.zeros((6, 2, 2, 2, 2)), LABELS, r"must be images of shape \(n, h, w\) .* \(6, 2, 2, 2"),
        (IMAGES[:0], [], "Found array with 0 sample"),
        (np.zeros((6, 0, 8)), LABELS, "0 feature"),
        (with_value(np.nan), LABELS, "Input X contains NaN"),
        (with_value(np.inf), LABELS, "Input X contains infinity"),
        (with_value(1).astype(complex), LABELS, "Complex data not supported"),
        (np.array([["a", "b"]] * 6), LABELS, "numeric"),
        ([[1, 2], [3]], [0, 1], "inhomogeneous"),
        (np.zeros((6, 3, 32, 32)), LABELS, r"looks like channels first.*np.moveaxis\(X, 1, -1\)"),
        (
            IMAGES,
            np.array([*"ababab"], np.dtypes.StringDType()),
            r"y must hold labels, .*StringD.*y\.astype\(str\)",
        ),
        (IMAGES, np.array(LABELS, "m8"), r"y must have times with a unit.*timedelta64\[s\]"),
        (IMAGES, LABELS[:-1], "inconsistent numbers of samples"),
        (np.full((6, 4), np.datetime64("2020")), LABELS, r"X must hold numbers .* datetime64\[Y\]"),
        (DATES, LABELS, "X must hold numbers of at most 64 bits, but .* datetime64"),
        (DATES.astype("period[D]"), LABELS, "X must hold numbers .* values of type Period"),
        (np.zeros((6, 9, 8), "longdouble"), LABELS, "X must hold numbers of at most 64 bits"),
        (COMPLEX, LABELS, r"X must .* column 1 is complex\. Take its real part, or leave it out"),
        (HUGE, LABELS, "X has values .* too far apart"),
        ([np.zeros((n, 3), np.uint8) for n in range(6)], LABELS, r"one in X has shape \(0, 3\)"),
        (IMAGES[:4], LABELS, "X and y: .* inconsistent numbers of samples"),
        (IMAGES, None, "requires y to be passed, but the target y is None"),
        (IMAGES, [0.5, 1.5, 2.5, 0.1, 1.1, 2.1], "Unknown label type: continuous"),
        (IMAGES, [1] * 6, r"at least two classes, got 1 class: \[1\]; y has the classes \[1\]"),
    ],
)
def test_data(make, X, y, message):
    with pytest.raises(ValueError, match=message):
        make(epochs=1).fit(X, y)


def test_object_arrays(make):
    with pytest.raises(TypeError, match=r"argument must be a string.* number"):
        make().fit(np.array([[{}, 1.0]] * 6, dtype=object), LABELS)
    numbers = make(epochs=1).fit(IMAGES.astype(object), LABELS)
    assert numbers.image_shape_ == (9, 8, 1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"pretrain_classes": [1, 7]}, r"pretrain_classes names labels that y lacks: \[7\]; y has"),
        ({"target_classes": [0, "1"]}, r"target_classes names labels that y lacks: \['1'\]"),
        ({"pretrain_classes": [0, 1, 2]}, "names every class that y has.*leaves none"),
        ({"pretrain_classes": [0, 1]}, r"got 1 class: \[2\]; y has the classes \[0, 1, 2\]"),
        ({"pretrain_classes": [0]}, r"pretrain_classes must name at least two classes, got \[0\]"),
        ({"pretrain_classes": []}, r"pretrain_classes must name at least two classes, got \[\]"),
        ({"target_classes": [0]}, "at least two classes, got 1 class"),
        ({"epochs": -1}, "'epochs' parameter .* must be an int in the range"),
        ({"pretrain_epochs": -1}, "'pretrain_epochs' parameter .* must be an int in the range"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"learning_rate": 0.0}, "'learning_rate' parameter"),
        ({"dropout": 1.0}, "'dropout' parameter"),
        ({"optimizer": "adamm"}, "'optimizer' parameter"),
        ({"output_layer": "old"}, "'output_layer' parameter"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
        ({"backbone": "small_cn"}, r"backbone='small_cn' is not one of .* mean 'small_cnn' or"),
        ({"image_shape": (3, 3)}, r"image_shape=\(3, 3\) is not the shape .* \(9, 8, 1\)"),
        ({"augmentation": "flipp"}, r"augmentation='flipp' is not one of .* mean 'flip'\?"),
        ({"augmentation": {"rotate": 400}}, "must be a number above 0 and at most 180, got 400"),
        (
            {"augmentation": {"shift": True}},
            r"at most 1, got True\. Give None for the default, 0\.1",
        ),
        ({"augmentation": {"flip": "sideways"}}, "'sideways' is not one of"),
        ({"augmentation": {"flip": ["both"]}}, r"\['both'\] is not one of"),
        ({"augmentation": [["flip"], "zoom"]}, r"augmentation=\"\['flip'\]\" is not one of"),
        ({"class_weight": {0: 1, 9: 1}}, r"class_weight names labels that y lacks: \[9\]"),
        ({"pretrain_classes": [[0, 1]]}, r"pretrain_classes must be a flat list of labels"),
        ({"weights": "imagenet"}, "backbone 'small_cnn' has no official weights"),
        ({"schedule": "triangle"}, "The 'schedule' parameter .* must be a str among"),
        ({"warmup": 1.0}, "The 'warmup' parameter"),
        ({"clip_norm": 0.0}, "The 'clip_norm' parameter"),
        ({"layer_decay": -0.5}, "The 'layer_decay' parameter"),
        ({"head_epochs": -1}, "The 'head_epochs' parameter"),
        *(
            ({name: "all"}, f"The '{name}' parameter .* or a str among {{'auto'}}. Got 'all'")
            for name in ("epochs", "pretrain_epochs", "batch_size", "hidden_units")
        ),
        ({"hidden_units": -1}, "The 'hidden_units' parameter .* an int in the range"),
        ({"head_init": "prob"}, "The 'head_init' parameter .* must be a str among"),
        ({"head_init": "probe", "output_layer": "keep"}, 'but output_layer="keep" takes it over'),
        ({"body_until": "conv"}, r"body_until='conv' is not one of .* mean 'conv2' or 'conv1'\?"),
        ({"body_until": "Auto"}, r"body_until='Auto' is not one of .* mean 'auto'\?"),
        ({"body_until": 0}, "body_until=0 leaves no stage .* all with None"),
        ({"body_until": 3}, "body_until=3 is out of range: backbone 'small_cnn' has 2 stages"),
        ({"body_until": 1.0}, "The 'body_until' parameter"),
        (
            {"body_until": "conv1", "freeze_until": "conv2"},
            r"freeze_until='conv2' is after the end .* body_until='conv1'\. Freeze up to one of",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_parameters(make, params, message):
    with pytest.raises(ValueError, match=message):
        make(**params).fit(IMAGES, LABELS)


@pytest.mark.parametrize(
    ("image_shape", "message"),
    [
        ((9, 9), r"image_shape=\(9, 9\) has the product 81, .* rows of X have 72 numbers"),
        ((72,), r"must be \(height, width\) or \(height, width, channels\)"),
        ((9.0, 8), "in whole pixels"),
        ((-9, -8), "in whole pixels"),
    ],
)
def test_image_shape_must_multiply_up(make, image_shape, message):
    with pytest.raises(ValueError, match=message):
        make(image_shape=image_shape).fit(IMAGES.reshape(6, -1), LABELS)


def test_weights_file(make, lt5, body_path, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        make(weights=tmp_path / "none.weights.h5").fit(*lt5)
    damaged = tmp_path / "damaged.weights.h5"
    damaged.write_bytes(body_path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"weights='.*' cannot be read: .*truncated"):
        make(weights=damaged).fit(*lt5)
    colour = np.repeat(lt5[0][..., None], 3, axis=3)
    with pytest.raises(ValueError, match=r"on images of shape \(14, 14, 3\)"):
        make(weights=body_path).fit(colour, lt5[1])


def test_save_needs_the_ending_and_leaves_the_old_file(fitted, tmp_path):
    with pytest.raises(ValueError, match=r"must end in '.weights.h5'"):
        fitted.save_backbone_weights(tmp_path / "body.h5")
    path = tmp_path / "body.weights.h5"
    path.mkdir()
    with pytest.raises(IsADirectoryError, match=r"weights\.h5' is a folder\. Name a file in it"):
        fitted.save_backbone_weights(path)
    assert [found.name for found in tmp_path.iterdir()] == ["body.weights.h5"]


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(5), "Sample weights|sample_weight"),
        (-np.ones(6), "Negative values"),
        (np.full(6, 1e308), r"largest sample_weight must be from 1e-15 to 1e\+15, got 1e\+308"),
        (np.full(6, 1e-320), r"largest sample_weight must .* Divide all weights by their mean"),
        (DATES["first"], r"sample_weight must hold real numbers, .*\. Pass one real number"),
        (np.complex64(1j), "sample_weight must hold real numbers, but its type is complex64"),
        (np.zeros(6), "zero"),
        (np.array([1.0, 1, 0, 1, 1, 0]), None),
        (np.array([1.0, 0, 0, 1, 0, 0]), r"1 class: \[0\]; .* Rows of sample weight zero"),
    ],
)
def test_sample_weight(make, weight, message):
    if message is None:
        assert make().fit(IMAGES, LABELS, sample_weight=weight).classes_.tolist() == [0, 1]
        return
    with pytest.raises(ValueError, match=message):
        make().fit(IMAGES, LABELS, sample_weight=weight)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 13, 14), r"images of shape \(13, 14, 1\), but TransferClassifier .* \(14, 14, 1\)"),
        ((2, 14, 13), r"images of shape \(14, 13, 1\)"),
        ((2, 14, 14, 3), r"images of shape \(14, 14, 3\)"),
        ((2, 7, 28), r"images of shape \(7, 28, 1\)"),
        ((2, 195), "X has 195 features, but TransferClassifier is expecting 196 features"),
    ],
)
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_shape_changes_after_fit(fitted, shape, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(np.zeros(shape))


def test_bad_pixels_at_predict(fitted):
    with pytest.raises(ValueError, match="contains NaN"):
        fitted.predict(np.full((1, 14, 14), np.nan))
    with pytest.warns(UserWarning, match=r"values from 0 to 1000, but .* range 0 to 255"):
        fitted.predict(np.linspace(0, 1000, 196).reshape(1, 14, 14))


def test_pixels_that_a_network_cannot_compute_with(make, fitted):
    with pytest.raises(ValueError, match=r"X has values from 0 to 1e\+30, which cannot be pixels"):
        fitted.predict(np.linspace(0, 1e30, 196).reshape(1, 14, 14))
    with pytest.raises(ValueError, match="X_val: X has values from 0 to 1e"):
        make().fit(IMAGES, LABELS, X_val=IMAGES * 1e30 + with_value(1e30), y_val=LABELS)


def test_errors_name_validation_data(make):
    validation = {"X_val": IMAGES, "y_val": LABELS}
    for name, value in [
        ("X_val", IMAGES[:, :5]),
        ("y_val", [0.5] * 6),
        ("sample_weight_val", [-1] * 6),
    ]:
        with pytest.raises(ValueError, match=rf"\b{name}\b"):
            make().fit(IMAGES, LABELS, **{**validation, name: value})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"y": DATES["first"]},
            r"y has labels of type datetime64\[.s\], but those of fit .* int64",
        ),
        ({"y": list("abcabc")}, "y has labels of type <U1"),
        ({"y": [0, np.nan, 1, 0, 1, 2]}, "y contains NaN"),
        ({"y": ["a", "b", None, "a", "b", "c"]}, r"y has no label in row 2: None\. Leave out"),
        ({"y": pd.Series([*"abcab", pd.NA], dtype="string")}, "y has no label in row 5: <NA>"),
        (
            {"y": np.array(["2026-01-01", "NaT"] * 3, "M8[D]")},
            r"y has no label in row 1: np\.datetime64\('NaT'",
        ),
        ({"y": LABELS[1:]}, r"the same length, got 6 and 5 rows\. Pass one value of y for each"),
        ({"X": None}, "^X: "),
        ({"sample_weight": [1e308] * 6}, "largest sample_weight"),
        ({"sample_weight": [0] * 6}, "sample_weight: .* non-zero"),
        ({"sample_weight": [1, 2]}, "sample_weight.shape"),
    ],
)
def test_errors_of_score_name_the_parameter(fitted, changes, message):
    given = {"X": np.zeros((6, 14, 14), np.uint8), "y": LABELS, "sample_weight": None}
    with pytest.raises((ValueError, TypeError), match=message):
        fitted.score(**{**given, **changes})


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(TransferClassifier(), method)(IMAGES)
    with pytest.raises(NotFittedError):
        TransferClassifier().score(IMAGES, LABELS)
    with pytest.raises(NotFittedError):
        TransferClassifier().save_backbone_weights("body.weights.h5")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_arrays_of_the_caller_are_never_changed(make, fashion, dtype):
    X, y = (np.array(part) for part in fashion)
    X = X.astype(dtype)
    weight = np.linspace(0, 1, len(y))
    copies = X.copy(), y.copy(), weight.copy()
    clf = make(pretrain_classes=np.array([5, 6, 7, 8, 9]), augmentation="flip")
    clf.fit(X, y, sample_weight=weight)
    clf.predict(X)
    clf.score(X, y, sample_weight=weight)
    for array, copy in zip((X, y, weight), copies, strict=True):
        assert_array_equal(array, copy)


def test_failed_first_fit_leaves_an_unfitted_estimator(make):
    clf = make(freeze_until="nowhere")
    with pytest.raises(ValueError, match="nowhere"):
        clf.fit(IMAGES, LABELS)
    with pytest.raises(NotFittedError):
        clf.predict(IMAGES)


def test_nested_labels_of_a_further_fit(make):
    clf = make(epochs=0, warm_start=True).fit(IMAGES, LABELS)
    with pytest.raises(ValueError, match="target_classes must be a flat list of labels"):
        clf.set_params(target_classes=[[0, 1]]).fit(IMAGES, LABELS)
    with pytest.raises(ValueError, match="target_classes must be a flat list of labels"):
        make(target_classes=[[0, 1]]).partial_fit(IMAGES, LABELS, classes=[0, 1])


def test_warnings_name_validation_data(make):
    images = np.linspace(0, 1, IMAGES.size).reshape(IMAGES.shape)
    with pytest.warns(UserWarning, match=r"^X_val has pixel values .* Scale X_val as X\."):
        make(epochs=1).fit(images, LABELS, X_val=255 * images, y_val=LABELS)


def test_a_failed_fit_leaves_a_fitted_transformer(fashion, tmp_path):
    X, _ = fashion
    features = BackboneFeatures(random_state=0).fit(X)
    expected = features.transform(X[:2])
    features.set_params(weights=tmp_path / "none.weights.h5")
    with pytest.raises(FileNotFoundError):
        features.fit(X[:, ::2, ::2])
    assert_array_equal(features.transform(X[:2]), expected)
