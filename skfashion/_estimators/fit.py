"""The steps of a fit: which network, from which weights, on which rows, in which phases."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import nan
from typing import Any

import numpy as np

from .._backbones.freeze_points import choose_freeze_until, has_kept_weights
from .._cache.memory import open_store
from .._data.class_split import ClassSplit, encode
from .._data.labelled_data import LabelledData
from .._data.lazy_images import ImageFormat
from .._messages import warn_user
from .._networks.architecture import Architecture
from .._networks.graph import Weights
from .._networks.head_size import warn_if_head_is_large
from .._networks.network import Network, get_network
from .._networks.weight_files import load_body_weights
from .._random_streams import RandomStreams
from .._training.augmentation import parse_augmentation
from .._training.checkpoints import restore_or_train
from .._training.learning_rates import LearningRates
from .._training.optimizer import default_learning_rate
from .._training.phase import History, OptimizerState, Phase, PhaseConfig, Trained
from .._training.trainer import Rows
from .fit_progress import FitProgress

OUTPUT_LAYER = "output/"


class Fit:
    """One call of `fit` or `partial_fit`, and what its steps share.

    Parameters
    ----------
    estimator : TransferClassifier
        Where the parameters come from. Nothing is written to it.
    image_format : ImageFormat
        How rows become images.
    samples, watched : LabelledData
        Images to train on, and images to watch, which may be `None`.
    split : ClassSplit
        The labels of both tasks.
    progress : FitProgress
        Who is told.
    is_partial : bool
        Whether it is a call of `partial_fit`: the optimizer is kept for the next one.
    """

    def __init__(self, estimator, image_format, samples, watched, split, progress, is_partial):
        self.params: Any = estimator
        self.image_format: ImageFormat = image_format
        self.split: ClassSplit = split
        self.progress: FitProgress = progress
        self.is_partial: bool = is_partial
        self.seeds = RandomStreams(estimator.random_state)
        self.augmentation = parse_augmentation(estimator.augmentation)
        self.architecture = Architecture.from_params(
            estimator, image_format.image_shape, len(split.target)
        )
        warn_if_head_is_large(self.architecture)
        self.network = get_network(self.architecture)
        self.store = self._open_store()
        freeze_until = choose_freeze_until(estimator, self.architecture.backbone, split.pretrains)
        self.freeze_point = self.network.resolve_freeze_point(freeze_until)
        split.check_output_layer(estimator.output_layer)
        split.check_class_weight(estimator.class_weight)
        self.samples: LabelledData = self._as_images(samples)
        self.watched: LabelledData | None = watched and self._as_images(watched)
        if self.watched and self.watched.X.dtype != self.samples.X.dtype:
            self.samples, self.watched = map(self._as_floats, (self.samples, self.watched))

    def _open_store(self):
        """Return where to share, `None` if there is nothing that could be found again."""
        store = open_store(self.params.memory, self.params.memory_limit)
        random = self.params.random_state is None
        if store and random and (self.split.pretrains or self.params.weights is None):
            warn_user(
                "memory shares nothing with random_state=None, which never draws the same weights "
                "twice. Set random_state to an int."
            )
            return None
        return store

    def _as_images(self, samples):
        return replace(
            samples, X=self.image_format.lazy_images(samples.X, self.architecture.float_type)
        )

    def _as_floats(self, samples):
        return replace(samples, X=replace(samples.X, dtype=np.dtype(self.architecture.float_type)))

    # -- Whole fits ------------------------------------------------------------------------

    def from_scratch(self, epochs) -> dict:
        """Pretrain, if there is a source task, and fine-tune; return the fitted attributes."""
        history: History = {}
        if self.split.pretrains:
            pretrained = self.pretrain()
            history, weights = pretrained.history, self.transfer(pretrained.weights)
        else:
            weights = self.initial_weights(self.network)
        freeze_points = self.thawing()
        trained = self.fine_tune(weights, epochs, freeze_points)
        return {
            "pretrain_history_": history,
            **self._fitted_state(trained, trained.history, freeze_points[-1]),
        }

    def go_on(self, fitted, epochs) -> dict:
        """Fine-tune from where a fitted estimator stands; return the fitted attributes."""
        self._check_same_network(fitted)
        weights, before = self.network.cast(fitted._weights), fitted.n_iter_
        if self.is_partial:
            freeze_points = self.thawing()
            trained = self.fine_tune(
                weights, epochs, freeze_points, before, before, fitted._optimizer
            )
        else:
            freeze_points = (self.freeze_point,)
            trained = self.fine_tune(weights, epochs, freeze_points * epochs, first_epoch=before)
        history = _continued(fitted.history_, trained.history)
        return self._fitted_state(trained, history, freeze_points[-1])

    def _check_same_network(self, fitted):
        before = get_network(fitted._architecture)
        same_backbone = fitted._architecture.backbone == self.architecture.backbone
        if not same_backbone or before.shapes != self.network.shapes:
            raise ValueError(
                "Training goes on with the network of the first fit, but backbone, input_size or "
                "hidden_units were changed since. Set warm_start=False, or fit a new estimator."
            )

    def _fitted_state(self, trained: Trained, history, freeze_point) -> dict:
        frozen, trainable = count_parameters(self.network, freeze_point)
        return {
            "source_classes_": self.split.source,
            "history_": history,
            "n_frozen_params_": frozen,
            "n_trainable_params_": trainable,
            "n_iter_": len(history.get("loss", [])),
            "_optimizer": trained.optimizer,
            **self._prediction_state(self.network, freeze_point, trained.weights, self.split),
        }

    def _prediction_state(self, network: Network, freeze_point, weights, split: ClassSplit) -> dict:
        """Return the attributes that prediction and scoring read."""
        return {
            "classes_": split.target,
            "image_shape_": self.image_format.image_shape,
            "pixel_range_": self.image_format.pixel_range,
            "freeze_point_": freeze_point,
            "_split": split,
            "_architecture": network.architecture,
            "_store": self.store,
            "_weights": weights,
            "_model": None,
        }

    # -- Steps -----------------------------------------------------------------------------

    def initial_weights(self, network: Network) -> Weights:
        """Draw weights; the body's come from a file where one is given."""
        weights = network.initial_weights(self.seeds)
        if self.params.weights is not None:
            weights.update(load_body_weights(self.params.weights, network))
        return weights

    def pretrain(self) -> Trained:
        """Train the whole network on the source task, or find what that led to before."""
        network = get_network(replace(self.architecture, n_classes=len(self.split.source)))
        epochs = self.params.pretrain_epochs
        settings = self._settings((None,) * epochs, self._pace_of_pretraining())
        phase = Phase("pretrain", network, settings, self.seeds, epochs)
        train = phase.train
        if self.store is not None:
            train = partial(restore_or_train, self.store, phase, is_pretraining=True)
        return self._train(
            phase,
            train,
            Trained(self.initial_weights(network), {}, None),
            replace(self.split, source=self.split.target, target=self.split.source),
        )

    def transfer(self, weights: Weights) -> Weights:
        """Take pretrained weights over to the target task."""
        if self.params.output_layer == "keep":
            return weights
        stream = "new output layer"
        return {**weights, **self.network.initial_weights(self.seeds, stream, OUTPUT_LAYER)}

    def fine_tune(
        self,
        weights: Weights,
        epochs: int,
        freeze_points: tuple[str | None, ...],
        position: int = 0,
        first_epoch: int = 0,
        optimizer: OptimizerState | None = None,
    ) -> Trained:
        """Train what lies behind the freeze points on the target task."""
        phase = Phase(
            "fine-tune",
            self.network,
            self._settings(freeze_points, self._pace_of_fine_tuning()),
            self.seeds,
            epochs,
            position,
            first_epoch,
            self.store,
            keeps_optimizer=self.is_partial,
        )
        train = partial(phase.train, optimizer=optimizer)
        if phase.can_go_on and self._shares_fine_tuning(first_epoch):
            train = partial(restore_or_train, self.store, phase, is_pretraining=False)
        return self._train(phase, train, Trained(weights, {}, optimizer), self.split)

    def _shares_fine_tuning(self, first_epoch):
        """Whether another fit may go on where this one ends."""
        fresh = first_epoch == 0 and not self.is_partial
        return fresh and self.store is not None and self.params.random_state is not None

    def thawing(self) -> tuple[str | None, ...]:
        """Return the freeze point of each epoch on the target task: the head first, if asked for.

        Then, if asked for, stage by stage down to the freeze point itself.
        """
        params, point = self.params, self.freeze_point
        head_only, *stages = self.network.unfreeze_points(point) or [point]
        points = [head_only] * params.head_epochs
        if params.epochs_per_stage:
            points += [stage for stage in stages for _ in range(params.epochs_per_stage)]
        planned = tuple([*points, *[point] * params.epochs][: params.epochs]) or (point,)
        if planned[-1] != point and not self.is_partial:
            warn_user(
                f"epochs={params.epochs} end before all has thawed that freeze_until="
                f"{params.freeze_until!r} leaves to train: that takes {len(points) + 1}, with "
                f"head_epochs={params.head_epochs} and epochs_per_stage={params.epochs_per_stage}."
            )
        return planned

    # -- What they stand on ----------------------------------------------------------------

    def _settings(self, freeze_points, pace: LearningRates):
        params = self.params
        return PhaseConfig(
            freeze_points=freeze_points,
            batch_size=params.batch_size,
            optimizer=params.optimizer,
            pace=pace,
            augmentation=self.augmentation,
            early_stopping=params.early_stopping,
            n_iter_no_change=params.n_iter_no_change,
            tol=params.tol,
        )

    def _recipe(self, kept_weights):
        backbone = self.architecture.backbone
        return backbone.fine_tuning if kept_weights else backbone.from_scratch

    def _pace_of_pretraining(self):
        recipe = self._recipe(kept_weights=self.params.weights is not None)
        return LearningRates.choose_for_pretraining(
            self.params, recipe, default_learning_rate(self.params.optimizer)
        )

    def _pace_of_fine_tuning(self):
        kept = has_kept_weights(self.params, self.split.pretrains)
        recipe = self._recipe(kept)
        return LearningRates.choose(
            self.params, recipe, default_learning_rate(self.params.optimizer), self.is_partial
        )

    def _train(self, phase: Phase, train: Callable[..., Trained], start: Trained, split):
        """Train a phase on the target task of `split`, by a function as `Phase.train`."""
        classes = split.target
        training, validation = self._train_and_validation(phase.name, classes)
        if not len(training):
            return start
        freeze_point = phase.settings.freeze_points[-1] if phase.epochs else None
        with self.progress.phase(
            phase.name,
            phase.epochs,
            training.index,
            lambda current: self._prediction_state(phase.network, freeze_point, current, split),
        ) as begin_epoch:
            return train(
                start.weights,
                self._rows(training, classes),
                None if validation is None else self._rows(validation, classes),
                begin_epoch=begin_epoch,
            )

    def _train_and_validation(self, phase_name, classes):
        """Return the task's rows to train on, and those to watch, or `None`."""
        own = self.samples.of_classes(classes)
        own = own.weighted_by_class(self.params.class_weight, classes)
        watched = None if self.watched is None else self.watched.of_classes(classes)
        if watched is not None and len(watched):
            return own, watched
        if not self.params.early_stopping:
            return own, None
        seed = self.seeds.integer("validation split", phase_name)
        return own.hold_out(self.params.validation_fraction, seed)

    def _rows(self, samples: LabelledData, classes) -> Rows:
        weights = samples.weight / samples.weight.mean()
        return Rows(
            samples.X,
            encode(classes, samples.y),
            weights.astype(self.architecture.float_type),
        )


def _continued(history: History, further: History) -> History:
    """Return both histories one after the other; what one of them lacks is nan there."""
    n_before, n_further = (len(part.get("seconds", [])) for part in (history, further))
    return {
        key: history.get(key, [nan] * n_before) + further.get(key, [nan] * n_further)
        for key in {**history, **further}
    }


def count_parameters(network: Network, freeze_point) -> tuple[int, int]:
    """Return how many numbers are frozen, and how many train."""
    front, back = network.split_at(freeze_point)
    frozen = [] if front is None else front.weights
    return _count_values(frozen), _count_values(back.trainable_variables)


def _count_values(variables):
    return int(sum(np.prod(variable.shape) for variable in variables))
