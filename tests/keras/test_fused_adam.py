"""The fused Adam against Keras' own and the published formula."""

import numpy as np
import pytest
from numpy.testing import assert_allclose


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-4), ("float64", 1e-10)])
def test_the_fused_adam_is_adam(dtype, rtol):
    import keras

    from skfashion._keras.fused_adam import FusedAdam

    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(7, 5)), rng.normal(size=(20, 7, 5))
    variables = [keras.Variable(start, dtype=dtype) for _ in range(2)]
    optimizers = [keras.optimizers.Adam(0.01), FusedAdam(0.01)]
    for optimizer, variable in zip(optimizers, variables, strict=True):
        optimizer.build([variable])
    # The formula as it is published; Keras' own rounds its constants to single precision.
    weight, m, v = start.copy(), 0.0, 0.0
    rate, beta_1, beta_2, epsilon = float(np.float32(0.01)), 0.9, 0.999, 1e-7
    for step, gradient in enumerate(gradients, 1):
        for optimizer in optimizers:
            optimizer.apply([keras.ops.convert_to_tensor(gradient, dtype)])
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        alpha = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        weight -= alpha * m / (np.sqrt(v) + epsilon)
    assert_allclose(variables[1].value.numpy(), weight, rtol=rtol)
    assert_allclose(variables[1].value.numpy(), variables[0].value.numpy(), rtol=1e-4)
    for own, fused in zip(optimizers[0].variables, optimizers[1].variables, strict=True):
        assert_allclose(fused.value.numpy(), own.value.numpy(), rtol=1e-4)
