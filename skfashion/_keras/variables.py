"""Variables that leave no memory in TensorFlow when they are dropped."""

from .tensorflow import create_handle_data, tf


def create_without_kernels(next_creator, **options):
    """Create a variable, as a creator for `tf.variable_creator_scope`.

    TensorFlow keeps a kernel of 37 kB for each operation on a variable outside a graph and each
    shape and name of a variable, until the process ends. A search over widths would add eight
    kernels a weight. So the runtime's handle has no shape or name. Graphs get the shape from the
    handle's Python object. Names and paths are those of the Keras variable.

    Parameters
    ----------
    next_creator : callable
        TensorFlow's creator.
    **options : dict
        Its arguments.

    Returns
    -------
    tf.Variable
        The variable.
    """
    variable = next_creator(**options | {"name": None, "shape": tf.TensorShape(None)})
    variable._shape = variable.value().shape
    variable.handle._handle_data = create_handle_data(variable.shape, variable.dtype)
    return variable
