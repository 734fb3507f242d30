"""The steps of a fit: which network, from which weights, on which rows, in which phases."""

from dataclasses import dataclass, replace
from typing import Any

from .._backbones.recipe import Recipe
from .._backbones.spec import Backbone
from .._cache.store import Store
from .._data.class_split import ClassSplit, encode
from .._data.labelled_data import LabelledData, to_images
from .._data.lazy_images import ImageFormat
from .._keras.runtime import check_runtime
from .._networks.architecture import Architecture, Weights
from .._networks.initial_weights import draw_weights
from .._networks.network import Network, get_network
from .._random_streams import RandomStreams
from .._training.checkpoints import restore_or_train
from .._training.epoch_data import EncodedData
from .._training.history import History, concatenate_histories
from .._training.phase import Phase, PhaseResult
from .._training.unfreezing import reached_point
from .defaults import FitSettings
from .fit_network import build_network
from .fit_progress import FitProgress
from .fitted_network import FittedNetwork, FittedState
from .interruption import keeps_last_epoch
from .judging import is_worse
from .option_checks import check_training_options
from .phase_config import (
    count_views,
    fine_tuning_config,
    fine_tuning_recipe,
    plan_unfreezing,
    pretraining_config,
)
from .probing import probe_output_layer
from .schedule_position import SchedulePosition
from .start_settings import start_settings
from .stores import open_checkpoint, open_memory
from .task_rows import split_task_rows, weight_task_rows


@dataclass(frozen=True)
class Fit:
    """One call of `fit` or `partial_fit`: shared state of its steps.

    The estimator is not changed, so a fit that fails leaves it unchanged.

    Parameters
    ----------
    params : TransferClassifier
        The estimator, for its parameters.
    settings : FitSettings
        Settings of the fit that the parameters leave to the data.
    image_format : ImageFormat
        How rows become images.
    split : ClassSplit
        The labels of both tasks.
    train, validation : LabelledData
        Images to train on, and images to evaluate, which may be `None`.
    whole_backbone : Backbone
        The backbone, with the stages after the body's end.
    network : Network
        The network, with one output for each target class.
    freeze_point : str or None
        The last frozen point.
    recipe : Recipe
        The options of training on the target task, resolved.
    streams : RandomStreams
        Seeds.
    store : Store or None
        Where pretraining and features are shared.
    checkpoint : Store or None
        Where phases are saved after each epoch.
    progress : FitProgress
        Reports phases and epochs.
    is_partial : bool
        Whether this is a call of `partial_fit`: the optimizer's state is kept for the next one.
    fitted : FittedState or None
        The state that this fit continues from; `None` for a first fit.
    """

    params: Any
    settings: FitSettings
    image_format: ImageFormat
    split: ClassSplit
    train: LabelledData
    validation: LabelledData | None
    whole_backbone: Backbone
    network: Network
    freeze_point: str | None
    recipe: Recipe
    streams: RandomStreams
    store: Store | None
    checkpoint: Store | None
    progress: FitProgress
    is_partial: bool
    fitted: FittedState | None

    @classmethod
    def prepare(
        cls,
        estimator,
        image_format: ImageFormat,
        split: ClassSplit,
        train: LabelledData,
        validation: LabelledData | None,
        progress: FitProgress,
        is_partial: bool,
        fitted: FittedState | None,
    ) -> "Fit":
        """Build the network and check the parameters against the data.

        Parameters
        ----------
        estimator
            The estimator, for its parameters.
        image_format, split, train, validation, progress, is_partial, fitted
            As above.
        """
        check_runtime()
        streams = RandomStreams(estimator.random_state)
        split.check_output_layer(estimator.output_layer)
        split.check_class_weight(estimator.class_weight)
        check_training_options(estimator, is_partial)
        float_type = Architecture.choose_float_type(estimator.dtype)
        train, validation = to_images(train, validation, image_format, float_type)
        store = open_memory(estimator, split.pretrains)
        settings = start_settings(
            estimator, image_format, split, train, validation, streams, store, is_partial, fitted
        )
        is_pretrained = settings.starts_pretrained(estimator, split.pretrains)
        whole_backbone, network, freeze_point = build_network(
            estimator, settings, image_format, split, is_pretrained, fitted
        )
        backbone = network.architecture.backbone
        first_point = None if split.pretrains and fitted is None else freeze_point
        return cls(
            params=estimator,
            settings=settings,
            image_format=image_format,
            split=split,
            train=train,
            validation=validation,
            whole_backbone=whole_backbone,
            network=network,
            freeze_point=freeze_point,
            recipe=fine_tuning_recipe(estimator, backbone, settings, is_pretrained, is_partial),
            streams=streams,
            store=store,
            checkpoint=open_checkpoint(estimator, network, first_point, is_partial),
            progress=progress,
            is_partial=is_partial,
            fitted=fitted,
        )

    # -- Whole fits ------------------------------------------------------------------------

    def run(self) -> FittedState:
        """Pretrain, if there is a source task, and fine-tune on the target task."""
        pretrained = self.pretrain()
        weights = self.transfer(pretrained.weights)
        is_judged = self.settings.judges and self.n_epochs > 0
        if self.settings.probes:
            holds_out = is_judged or not self.settings.judges
            weights = self.probe(weights, self.target_rows(holds_out))
        schedule = self.unfreeze_schedule()
        result = self.fine_tune(PhaseResult(weights, {}), schedule, ({}, pretrained.history))
        kept_probe = self.settings.probes and not result.history
        if is_judged and self.is_worse(result.weights, weights):
            # No row needs to be held out any more.
            rows = self.target_rows(holds_out=False)
            kept = weights if result.by_user else self.probe(weights, rows)
            result, kept_probe = replace(result, weights=kept), True
        reached = reached_point(schedule, result.n_epochs)
        histories = result.history, pretrained.history
        state = self._fitted_state(self.network, self.split, result, *histories, reached)
        return replace(state, kept_probe=kept_probe)

    def resume(self, fitted: FittedState) -> FittedState:
        """Fine-tune further from the state of a fitted estimator."""
        optimizer = fitted.optimizer_state if self.is_partial else None
        if optimizer is not None:
            optimizer = optimizer.continued_in(self.network.architecture)
        start = PhaseResult(self.network.cast(fitted.network.weights), {}, optimizer)
        schedule = self.unfreeze_schedule()
        result = self.fine_tune(start, schedule, (fitted.history, fitted.pretrain_history))
        histories = concatenate_histories(fitted.history, result.history), fitted.pretrain_history
        reached = reached_point(schedule, self.position.current + result.n_epochs)
        state = self._fitted_state(self.network, self.split, result, *histories, reached)
        return replace(state, kept_probe=fitted.kept_probe and not result.history)

    @property
    def n_epochs(self) -> int:
        """Epochs on the target task in this call."""
        if self.is_partial:
            return 1
        # With a linear rest the probe is the best that training could find.
        is_best = self.settings.judges and self.network.is_linear_after(self.freeze_point)
        if is_best or not self.settings.fine_tunes:
            return 0
        return self.settings.fine_tuning.epochs

    @property
    def position(self) -> SchedulePosition:
        """The place in the schedule at which it starts."""
        return SchedulePosition() if self.fitted is None else self.fitted.schedule_position

    # -- Steps -----------------------------------------------------------------------------

    def initial_weights(self, network: Network) -> Weights:
        """Draw weights; the body's come from a file where one is given.

        A body that ends early keeps the weights of the layers after its end, to save them.
        """
        return draw_weights(network, self.whole_backbone, self.params.weights, self.streams)

    def pretrain(self) -> PhaseResult:
        """Train the whole network on the source task, or restore the stored result.

        Without a source task the result has the initial weights.
        """
        if not self.split.pretrains:
            return PhaseResult(self.initial_weights(self.network), {})
        network = get_network(replace(self.network.architecture, n_classes=len(self.split.source)))
        length, backbone = self.settings.pretraining, self.network.architecture.backbone
        freeze_points = (None,) * max(1, length.epochs)
        config = pretraining_config(self.params, backbone, length.batch_size, freeze_points)
        phase = Phase("pretrain", network, config, self.streams, range(length.epochs))
        start = PhaseResult(self.initial_weights(network), {})
        return self.train_phase(phase, self.split.source_task, start, self.store, ({}, {}))

    def transfer(self, weights: Weights) -> Weights:
        """Turn the weights of `pretrain` into the start of the target task."""
        if self.params.output_layer == "keep" or not self.split.pretrains:
            return weights
        new = self.network.initial_weights(self.streams, "new output layer", "output/")
        return {**weights, **new}

    def target_rows(self, holds_out: bool) -> LabelledData:
        """Return the rows of the target task, without those that are held out if there are any."""
        if holds_out:
            return self._train_and_validation("fine-tune", self.split.target)[0]
        return weight_task_rows(self.params, self.train, self.split.target)

    def probe(self, weights: Weights, rows: LabelledData) -> Weights:
        """Start the output layer from a linear probe on rows of the target task."""
        seed, classes = self.streams.integer("rows of the probe"), self.split.target
        point, store = self.freeze_point, self.store
        return probe_output_layer(self.network, point, weights, rows, classes, store, seed)

    def is_worse(self, weights: Weights, start: Weights) -> bool:
        """Return whether fine-tuned weights are worse than those at the start, on held-out rows."""
        _, rows = self._train_and_validation("fine-tune", self.split.target)
        validation = self._encode(rows, self.split.target)
        return is_worse(weights, start, self.network, self.freeze_point, validation, self.store)

    def fine_tune(
        self,
        start: PhaseResult,
        freeze_points: tuple[str | None, ...],
        earlier: tuple[History, History],
    ) -> PhaseResult:
        """Train the part of the network after the freeze points on the target task.

        Parameters
        ----------
        start, earlier
            As for `train_phase`.
        freeze_points : tuple of (str or None)
            As for `PhaseConfig`.
        """
        # Without a seed no other fit draws the same views.
        has_own_views = count_views(self.params) > 0 and self.params.random_state is None
        phase = Phase(
            "fine-tune",
            self.network,
            fine_tuning_config(self.params, self.recipe, self.settings, freeze_points),
            self.streams,
            *self.position.next_epochs(self.n_epochs, self.is_partial),
            None if has_own_views else self.store,
            keep_optimizer_state=self.is_partial,
            keep_last_epoch=keeps_last_epoch(self.params, self.is_partial),
        )
        # Another fit can resume from a checkpoint only if it started at the same weights.
        is_fresh = self.fitted is None and not self.is_partial
        is_shared = phase.is_resumable and is_fresh and self.params.random_state is not None
        memory = self.store if is_shared else None
        return self.train_phase(phase, self.split, start, memory, earlier)

    def train_phase(
        self,
        phase: Phase,
        task: ClassSplit,
        start: PhaseResult,
        memory: Store | None,
        earlier: tuple[History, History],
    ) -> PhaseResult:
        """Train a phase on the target classes of a task.

        Parameters
        ----------
        phase : Phase
            The phase.
        task : ClassSplit
            The labels, with those of the phase's task as target.
        start : PhaseResult
            Where it starts.
        memory : Store or None
            Where checkpoints of the phase are shared.
        earlier : tuple of (dict, dict)
            Histories of earlier fine-tuning and of pretraining.
        """
        train, validation = self._train_and_validation(phase.name, task.target)
        if not len(train):
            return start
        encoded = self._encode(train, task.target)
        encoded_validation = validation and self._encode(validation, task.target)
        freeze_point = phase.config.freeze_points[-1]

        def get_attributes(history, weights):
            result = PhaseResult(weights, {}, n_epochs=len(history["loss"]))
            histories = concatenate_histories(earlier[0], history), earlier[1]
            if phase.name == "pretrain":
                result, histories = PhaseResult(weights, {}), ({}, history)
            state = self._fitted_state(phase.network, task, result, *histories, freeze_point)
            return self.params._fitted_attributes(state)

        n_epochs = len(phase.epochs)
        with self.progress.phase(phase.name, n_epochs, train.index, get_attributes) as hooks:
            if not n_epochs or (memory is None and self.checkpoint is None):
                return phase.train(start, encoded, encoded_validation, hooks)
            return restore_or_train(
                phase,
                start,
                encoded,
                encoded_validation,
                hooks,
                memory=memory,
                checkpoint=self.checkpoint,
                is_pretraining=phase.name == "pretrain",
            )

    def unfreeze_schedule(self) -> tuple[str | None, ...]:
        """Return the freeze point of each epoch on the target task.

        Gradual unfreezing belongs to the first schedule, which `partial_fit` may continue.
        """
        n_epochs, warns = self.settings.fine_tuning.epochs, not self.is_partial
        is_first = self.is_partial and self.position.earlier == 0
        if self.fitted is not None and not is_first:
            return (self.freeze_point,) * max(1, n_epochs)
        return plan_unfreezing(self.params, self.network, self.freeze_point, n_epochs, warns)

    # -- Parts of steps --------------------------------------------------------------------

    def _train_and_validation(self, phase_name, classes):
        """Return a task's rows to train on, and its rows to evaluate, or `None`."""
        data = self.train, self.validation
        return split_task_rows(self.params, self.settings, phase_name, *data, classes, self.streams)

    def _encode(self, data: LabelledData, classes) -> EncodedData:
        weights = data.weight / data.weight.mean()
        float_type = self.network.architecture.float_type
        return EncodedData(data.X, encode(classes, data.y), weights.astype(float_type))

    def _fitted_state(
        self,
        network: Network,
        split: ClassSplit,
        result: PhaseResult,
        history,
        pretrain_history,
        freeze_point,
    ) -> FittedState:
        n_frozen, n_trainable = network.count_parameters(freeze_point)
        return FittedState(
            network=self._fitted_network(network, freeze_point, result.weights, split),
            history=history,
            pretrain_history=pretrain_history,
            n_frozen_params=n_frozen,
            n_trainable_params=n_trainable,
            optimizer_state=result.optimizer_state,
            settings=self.settings,
            position=self.position.after(result.n_epochs, self.is_partial),
        )

    def _fitted_network(self, network: Network, freeze_point, weights, split) -> FittedNetwork:
        return FittedNetwork(
            architecture=network.architecture.at_rates_of(self.params),
            weights=weights,
            freeze_point=freeze_point,
            image_format=self.image_format,
            split=split,
            store=self.store,
            whole_backbone=self.whole_backbone,
            test_time_flips=bool(self.recipe.test_time_flips),
        )
