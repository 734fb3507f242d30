"""Arrays as bytes in the format of safetensors."""

from collections.abc import Mapping

import numpy as np
import safetensors.numpy


def encode_arrays(
    arrays: Mapping[str, np.ndarray], metadata: dict[str, str] | None = None
) -> bytes:
    """Return arrays by name, and text by name, as the content of a safetensors file."""
    # safetensors writes the memory of an array, in whatever order its elements are.
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return safetensors.numpy.save(contiguous, metadata)
