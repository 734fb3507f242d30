"""Arrays as bytes: elements keep their places, in whatever order they are in memory."""

import numpy as np
import pytest
import safetensors.numpy
from numpy.testing import assert_array_equal

from skfashion._array_bytes import encode_arrays

ARRAY = np.arange(24, dtype="float32").reshape(2, 3, 4)


@pytest.mark.parametrize(
    "array",
    [ARRAY, np.asfortranarray(ARRAY), ARRAY.T, ARRAY[:, ::-1], ARRAY[..., 1], ARRAY[0, 0, 0]],
    ids=["C", "Fortran", "transposed", "reversed", "strided", "scalar"],
)
def test_elements_keep_their_places(array):
    loaded = safetensors.numpy.load(encode_arrays({"a": array}))["a"]
    assert loaded.dtype == array.dtype
    assert_array_equal(loaded, array, strict=True)


def test_metadata_are_in_the_header():
    assert b'"__metadata__":{"text":"value"}' in encode_arrays({}, {"text": "value"})
