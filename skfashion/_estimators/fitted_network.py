"""A network as `fit` leaves it."""

from dataclasses import dataclass, replace

import numpy as np

from .._backbones.spec import Backbone
from .._cache.store import Store
from .._data.class_split import ClassSplit
from .._data.lazy_images import ImageFormat, LazyImages
from .._data.row_subset import RowSubset
from .._networks.architecture import Architecture, Weights
from .._persistence.backbones import BodyState
from .._persistence.saved_classes import saved
from .._training.history import History
from .._training.trainer_spec import OptimizerState
from .defaults import FitSettings
from .schedule_position import SchedulePosition

# The axis of a batch of images from left to right.
_HORIZONTAL = (2,)


@saved
@dataclass(frozen=True)
class FittedNetwork:
    """All that prediction, scoring and saving read.

    Parameters
    ----------
    architecture : Architecture
        The network's graph.
    weights : dict of str to ndarray
        Its weights, by path.
    freeze_point : str or None
        The last frozen point.
    image_format : ImageFormat
        How rows become images.
    split : ClassSplit
        The labels of both tasks.
    store : Store or None
        Where features of the frozen part are shared.
    whole_backbone : Backbone
        The backbone, with the stages after the body's end.
    test_time_flips : bool, default=False
        Whether probabilities are the mean of those of an image and of its mirror image.
    """

    architecture: Architecture
    weights: Weights
    freeze_point: str | None
    image_format: ImageFormat
    split: ClassSplit
    store: Store | None
    whole_backbone: Backbone
    test_time_flips: bool = False

    def images(self, rows) -> LazyImages:
        """Return validated rows as the network takes them."""
        return self.image_format.lazy_images(RowSubset(rows), self.architecture.float_type)

    def predict_proba(self, rows) -> np.ndarray:
        """Return probabilities of shape (n, n_classes) for validated rows."""
        from .._networks.frozen_part import FrozenPart
        from .._networks.network import get_network

        images = self.images(rows)
        network = get_network(self.architecture)
        frozen = FrozenPart(network, self.freeze_point, self.weights, self.store)
        probabilities = frozen.predict_proba(images)
        if self.test_time_flips:
            mirrored = replace(images, mirrored=_HORIZONTAL)
            probabilities = (probabilities + frozen.predict_proba(mirrored)) / 2
        return probabilities

    def build_model(self):
        """Build a Keras model from images to probabilities."""
        from .._networks.fitted_model import build_fitted_model

        return build_fitted_model(
            self.architecture, self.weights, self.image_format.pixel_range, self.freeze_point
        )

    def save_backbone_weights(self, path) -> None:
        """Write the weights of the whole body to a file."""
        from .._networks.initial_weights import whole_body
        from .._networks.network import get_network
        from .._networks.weight_files import save_body_weights

        body = whole_body(get_network(self.architecture), self.whole_backbone)
        save_body_weights(self.weights, body, path)


@saved
@dataclass(frozen=True)
class FittedState:
    """The state of a fit; `TransferClassifier` takes its fitted attributes from it."""

    network: FittedNetwork
    history: History
    pretrain_history: History
    n_frozen_params: int
    n_trainable_params: int
    optimizer_state: OptimizerState | None
    settings: FitSettings
    kept_probe: bool = False
    position: SchedulePosition | None = None

    @property
    def schedule_position(self) -> SchedulePosition:
        """The place in the schedule. Files of early versions do not have it.

        They have the optimizer's state after `partial_fit` only.
        """
        if self.position is not None:
            return self.position
        n_epochs = len(self.history.get("loss", []))
        return SchedulePosition().after(n_epochs, is_partial=self.optimizer_state is not None)

    @property
    def body_state(self) -> BodyState:
        """The body, for its fingerprint."""
        body = self.network.architecture.body()
        weights, image_format = self.network.weights, self.network.image_format
        return BodyState(body, "features", "average", weights, image_format)

    def check(self) -> None:
        """Check the number of labels of a state that was loaded.

        Raises
        ------
        ValueError
            If the network has another number of outputs.
        """
        if self.network.architecture.n_classes != len(self.network.split.target):
            raise ValueError("the number of outputs of the network is not the number of labels")
