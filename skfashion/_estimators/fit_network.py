"""The network of a fit: its backbone, and its freeze point."""

from .._backbones.body_end import check_freezes_body, end_body_at
from .._backbones.freeze_points import choose_freeze_until
from .._backbones.spec import Backbone
from .._data.class_split import ClassSplit
from .._data.lazy_images import ImageFormat
from .._networks.architecture import Architecture
from .._networks.head_size import warn_if_head_is_large
from .._networks.network import Network, get_network
from .continuation import check_same_network
from .defaults import FitSettings
from .fitted_network import FittedState


def build_network(
    params,
    settings: FitSettings,
    image_format: ImageFormat,
    split: ClassSplit,
    is_pretrained: bool,
    fitted: FittedState | None,
) -> tuple[Backbone, Network, str | None]:
    """Return the backbone with the stages after the body's end, the network and its freeze point.

    Parameters
    ----------
    params : TransferClassifier
        The estimator.
    settings : FitSettings
        The settings of the fit.
    image_format : ImageFormat
        How rows become images.
    split : ClassSplit
        The labels of both tasks.
    is_pretrained : bool
        Whether fine-tuning starts from pretrained weights.
    fitted : FittedState or None
        The state that the fit continues from; `None` for a first fit.

    Raises
    ------
    ValueError
        If parameters contradict each other, or describe another network than the fitted one.
    """
    whole_backbone = settings.whole_backbone(params)
    backbone = end_body_at(whole_backbone, settings.body_until)
    freeze_until = choose_freeze_until(params, backbone, is_pretrained)
    check_freezes_body(backbone, whole_backbone, freeze_until)
    architecture = Architecture.from_params(
        params, backbone, image_format.image_shape, settings.hidden_units, len(split.target)
    )
    warn_if_head_is_large(architecture)
    network = get_network(architecture)
    if fitted is not None:
        check_same_network(fitted.network.architecture, network)
        # The weights after the body's end do not train: they are those of the first fit.
        whole_backbone = fitted.network.whole_backbone
    return whole_backbone, network, network.resolve_freeze_point(freeze_until)
