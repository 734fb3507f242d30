"""Training that continues from a fitted estimator: the network must be the same."""

from .._networks.architecture import Architecture
from .._networks.network import Network, get_network


def check_same_network(fitted: Architecture, network: Network) -> None:
    """Check that a network is that of a fitted estimator.

    Raises
    ------
    ValueError
        If it has another backbone or other shapes.
    """
    before = get_network(fitted)
    if before.shapes != network.shapes or not _have_same_backbone(before, network):
        raise ValueError(
            "Training continues with the network of the first fit, but backbone, body_until, "
            "input_size or hidden_units were changed since. Set warm_start=False, or fit a new "
            "estimator."
        )


def _have_same_backbone(before: Network, network: Network) -> bool:
    old, new = before.architecture.backbone, network.architecture.backbone
    if old == new:
        return True
    if (old.name, old.stages) != (new.name, new.stages):
        return False
    # A function of a notebook is another object in a pickle, or after its cell has run again.
    try:
        return before.config == network.config
    except ValueError:  # a layer without a configuration
        return False
