"""The size of a classifier head, known before it is built."""

import numpy as np

from .._messages import warn_user
from .architecture import Architecture
from .body import get_body

# With gradients and the two moments of Adam, heads of more parameters take over 320 MB.
MANY_PARAMETERS = 20_000_000


def warn_if_head_is_large(architecture: Architecture) -> None:
    """Warn if the head on a flattened feature map has more than `MANY_PARAMETERS`.

    Only the body is built for this. Heads on averaged feature maps are always small.
    """
    if architecture.backbone.pooling != "flatten":
        return
    n_features = int(np.prod(get_body(architecture.body()).body.outputs[0].shape[1:]))
    n_parameters = n_features * (architecture.hidden_units or architecture.n_classes)
    if n_parameters > MANY_PARAMETERS:
        height, width = architecture.body_size
        warn_user(
            f"The head has {n_parameters:,} parameters, because backbone "
            f"{architecture.backbone.name!r} flattens the whole feature map of images of "
            f"{height} x {width} pixels. Set a smaller input_size, such as input_size=64, or use "
            'a pretrained backbone, such as backbone="mobilenet_v2", which averages it.'
        )
