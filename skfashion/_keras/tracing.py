"""Traced functions that leave nothing in TensorFlow when they are dropped."""

import weakref

from .tensorflow import gradient_registry, tf

# Prefix of TensorFlow's names of gradients that `tf.custom_gradient` registers.
_CUSTOM_GRADIENT = "CustomGradient-"


def trace(function, *signature):
    """Trace a function for one signature.

    `tf.custom_gradient` registers a gradient for each of its calls in a graph. Keras' optimizers
    and `swish` call it. TensorFlow never removes an entry, and an entry holds the whole graph. So
    the entries of a traced function are removed here when the function is dropped.

    Parameters
    ----------
    function : callable
        A function of tensors. `autograph` is off.
    *signature : nested TensorSpec
        Types and shapes of the arguments.

    Returns
    -------
    ConcreteFunction
        The traced function.
    """
    traced = tf.function(function, autograph=False).get_concrete_function(*signature)
    if names := _custom_gradients(traced.graph.as_graph_def()):
        weakref.finalize(traced, _unregister, names).atexit = False
    return traced


def _custom_gradients(graph):
    """Return the registered names of gradients in a graph and in the functions that it calls."""
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    names = {node.attr["_gradient_op_type"].s.decode() for node in nodes if node.op == "IdentityN"}
    return {name for name in names if name.startswith(_CUSTOM_GRADIENT)}


def _unregister(names):
    for name in names:
        gradient_registry._registry.pop(name, None)
