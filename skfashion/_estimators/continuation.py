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
    now = network.architecture
    # Weights after an average over pixels do not depend on the size of images.
    if fitted.body_size != now.body_size:
        change = f"input_size, from {fitted.body_size} to {now.body_size} pixels"
    elif not _is_same_backbone(fitted.backbone, network):
        before, after = _describe(fitted.backbone), _describe(now.backbone)
        change = f"backbone or body_until, from {before} to {after}"
        if before == after:
            change = f"backbone {now.backbone.name!r} builds other layers"
    elif get_network(fitted).shapes != network.shapes:
        change = f"hidden_units, from {fitted.hidden_units} to {now.hidden_units}"
    else:
        return
    raise ValueError(
        "Training continues with the network of the first fit, but a parameter was changed: "
        f"{change}. Set it back, or fit a new estimator."
    )


def _describe(backbone: Backbone) -> str:
    return f"{backbone.name!r} up to {backbone.stages[-1]!r}"


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
