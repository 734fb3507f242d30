"""The weights that a fit starts from: drawn at random, the body's from a file if there is one."""

from .._backbones.spec import Backbone
from .._random_streams import RandomStreams
from .architecture import Weights
from .body import get_body
from .graph import Graph
from .network import Network
from .weight_files import load_body_weights


def draw_weights(
    network: Network, whole_backbone: Backbone, file, streams: RandomStreams
) -> Weights:
    """Return weights to start from.

    A body that ends early keeps the weights of the layers after its end, so that they are saved
    with the others.

    Parameters
    ----------
    network : Network
        The network.
    whole_backbone : Backbone
        The backbone, with all of its stages.
    file : str, path-like or None
        The parameter `weights`.
    streams : RandomStreams
        Seeds.
    """
    body, weights = whole_body(network, whole_backbone), network.initial_weights(streams)
    if body is not network:
        weights = {**body.initial_weights(streams), **weights}
    if file is not None:
        weights.update(load_body_weights(file, body))
    return weights


def whole_body(network: Network, whole_backbone: Backbone) -> Graph:
    """Return the graph of the whole body: the network itself, unless its body ends early."""
    architecture = network.architecture
    if architecture.backbone == whole_backbone:
        return network
    return get_body(architecture.body(whole_backbone))
