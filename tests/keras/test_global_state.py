import random

import keras
import pytest

from skfashion._keras.global_state import fresh_keras_state


@pytest.fixture(autouse=True)
def restored_configuration():
    data_format, floatx = keras.config.image_data_format(), keras.config.floatx()
    policy, epsilon = keras.config.dtype_policy(), keras.config.epsilon()
    yield
    keras.config.set_image_data_format(data_format)
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)
    keras.config.set_epsilon(epsilon)


class Counted(keras.layers.Layer):
    pass


def describe():
    return (
        keras.config.image_data_format(),
        keras.config.floatx(),
        keras.config.epsilon(),
        keras.config.dtype_policy().name,
        random.getstate(),
    )


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_the_users_state_is_restored(error):
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float16")
    keras.config.set_epsilon(0.5)
    random.seed(3)
    before = describe()
    n_before = 1 + int(Counted().name.removeprefix("counted").removeprefix("_") or 0)
    try:
        with fresh_keras_state("mixed_bfloat16"):
            assert keras.config.image_data_format() == "channels_last"
            assert keras.config.floatx() == "float32"
            assert keras.config.epsilon() == 1e-7
            assert keras.config.dtype_policy().name == "mixed_bfloat16"
            random.random()
            Counted()
            if error:
                raise error
    except KeyboardInterrupt:
        pass
    assert describe() == before
    assert Counted().name == f"counted_{n_before}"


def test_names_and_seeds_do_not_depend_on_what_was_built_before():
    def build():
        with fresh_keras_state(reserved=["dense"]):
            return [keras.layers.Dropout(0.5), keras.layers.Dense(1), keras.layers.Dropout(0.5)]

    keras.layers.Dropout(0.5)
    first, second = build(), build()
    assert [layer.name for layer in first] == ["dropout", "dense_1", "dropout_1"]
    assert [layer.get_config() for layer in first] == [layer.get_config() for layer in second]


def test_an_interruption_while_variables_get_values_fails_no_later_build():
    def interrupt(shape, dtype):
        raise KeyboardInterrupt

    def build(initializer):
        with fresh_keras_state(), keras.StatelessScope():
            keras.layers.Dense(1, kernel_initializer=initializer).build((1, 1))

    with pytest.raises(KeyboardInterrupt):
        build(interrupt)
    build("zeros")
