"""What is frozen stays, bit for bit; what is not, moves."""

import numpy as np
import pytest

from tests.class_split import GTE5

BODY = ["conv1/kernel", "conv1/bias", "conv2/kernel", "conv2/bias"]


DENSE = ["dense/kernel", "dense/bias"]


OUTPUT = ["output/kernel", "output/bias"]


# freeze_until -> (what it comes to, what is frozen, how many numbers)
POINTS = {
    None: (None, [], 0),
    0: (None, [], 0),
    -2: (None, [], 0),
    "rescale": ("rescale", [], 0),
    "conv1": ("conv1", BODY[:2], 320),
    1: ("conv1", BODY[:2], 320),
    -1: ("conv1", BODY[:2], 320),
    "conv2": ("conv2", BODY, 9_568),
    2: ("features", BODY, 9_568),
    "pool": ("pool", BODY, 9_568),
    "features": ("features", BODY, 9_568),
    "auto": ("features", BODY, 9_568),
    "flatten": ("flatten", BODY, 9_568),
    "dense": ("dense", BODY + DENSE, 112_096),
    "dropout": ("dropout", BODY + DENSE, 112_096),
}


@pytest.mark.parametrize("freeze_until", POINTS, ids=repr)
def test_frozen_bits_stay_and_the_rest_moves(make, fashion, freeze_until, weights_of):
    point, frozen, count = POINTS[freeze_until]
    shared = {"pretrain_classes": GTE5, "freeze_until": freeze_until}
    before = weights_of(make(epochs=0, **shared).fit(*fashion))
    clf = make(epochs=2, **shared).fit(*fashion)
    assert clf.freeze_point_ == point
    assert clf.n_frozen_params_ == count
    assert clf.n_frozen_params_ + clf.n_trainable_params_ == 112_741
    for path, weight in weights_of(clf).items():
        if path in frozen:
            assert weight.tobytes() == before[path].tobytes(), path
        else:
            assert not np.array_equal(weight, before[path]), path


def test_frozen_from_a_file(make, lt5, body_path, weights_of):
    before = weights_of(make(weights=body_path, epochs=0).fit(*lt5))
    after = weights_of(make(weights=body_path).fit(*lt5))
    for path in BODY:
        assert after[path].tobytes() == before[path].tobytes()


def test_auto_freezes_only_what_is_worth_keeping(make, lt5, body_path):
    assert make(epochs=0).fit(*lt5).freeze_point_ is None
    assert make(epochs=0, weights=body_path).fit(*lt5).freeze_point_ == "features"


@pytest.mark.parametrize(
    ("freeze_until", "message"),
    [
        ("conv", r"freeze_until='conv' is not one of .* Did you mean 'conv[12]' or 'conv[12]'\?"),
        ("feature", "Did you mean 'features' or 'feature_dropout'"),
        (
            "block3_pool",
            r"\['conv1', 'conv2', 'features', 'dense'\]\. .* the stages of backbone 'small_cnn'",
        ),
        ("output", "leaves nothing to train"),
        (3, "freeze_until=3 is out of range: backbone 'small_cnn' has 2 stages"),
        (-3, "Give a number from -2 to 2, or a name"),
    ],
    ids=repr,
)
def test_no_such_point(make, lt5, freeze_until, message):
    with pytest.raises(ValueError, match=message):
        make(freeze_until=freeze_until).fit(*lt5)
