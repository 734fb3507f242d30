"""Training that continues from a fitted estimator: the network must be the same."""

from dataclasses import replace

from .._backbones.spec import Backbone
from .._networks.architecture import Architecture
from .._networks.network import Network, get_network


def check_same_network(fitted: Architecture, network: Network) -> None:
    """Check that a network is that of a fitted estimator.

    Raises
    ------
    ValueError
        If it has another backbone or other shapes.
    """
    is_same = get_network(fitted).shapes == network.shapes
    # Weights after an average over pixels do not depend on the size of images.
    is_same &= fitted.body_size == network.architecture.body_size
    if not is_same or not _is_same_backbone(fitted.backbone, network):
        raise ValueError(
            "Training continues with the network of the first fit, but backbone, body_until, "
            "input_size or hidden_units were changed since. Set warm_start=False, or fit a new "
            "estimator."
        )


def _is_same_backbone(before: Backbone, network: Network) -> bool:
    """Whether a backbone is that of a network, or builds a graph of the same configuration.

    A function of a notebook is another object in a pickle, or after its cell has run again. The
    code of custom layers is not compared.
    """
    now = network.architecture.backbone
    if before == now:
        return True
    if (before.name, before.stages) != (now.name, now.stages):
        return False
    try:
        other = get_network(replace(network.architecture, backbone=before))
        return other.config == network.config
    except ValueError:  # a layer without a configuration
        return False
