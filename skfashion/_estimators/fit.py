"""The steps of a fit: which network, from which weights, on which rows, in which phases."""

from dataclasses import dataclass, replace
from typing import Any

from .._backbones.body_end import check_freezes_body
from .._backbones.freeze_points import choose_freeze_until
from .._backbones.recipe import Recipe
from .._cache.store import Store
from .._data.class_split import ClassSplit, encode
from .._data.labelled_data import LabelledData, to_images
from .._data.lazy_images import ImageFormat
from .._keras.runtime import check_runtime
from .._networks.architecture import Architecture, Weights
from .._networks.head_size import warn_if_head_is_large
from .._networks.initial_weights import draw_weights
from .._networks.network import Network, get_network
from .._random_streams import RandomStreams
from .._training.checkpoints import restore_or_train
from .._training.epoch_data import EncodedData
from .._training.history import History, concatenate_histories
from .._training.phase import Phase, PhaseResult
from .._training.trainer_spec import OptimizerState
from .._training.unfreezing import reached_point
from .continuation import check_same_network
from .defaults import FitSettings
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
from .start_settings import start_settings
from .stores import open_checkpoint, open_memory
from .task_rows import split_task_rows, weight_task_rows

OUTPUT_LAYER = "output/"


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
    """

    params: Any
    settings: FitSettings
    image_format: ImageFormat
    split: ClassSplit
    train: LabelledData
    validation: LabelledData | None
    network: Network
    freeze_point: str | None
    recipe: Recipe
    streams: RandomStreams
    store: Store | None
    checkpoint: Store | None
    progress: FitProgress
    is_partial: bool

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
        previous: FitSettings | None,
    ) -> "Fit":
        """Build the network and check the parameters against the data.

        Parameters
        ----------
        estimator, image_format, split, train, validation, progress, is_partial
            As above.
        previous : FitSettings or None
            The settings of the fit that this one continues.
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
            estimator, image_format, split, train, validation, streams, store, is_partial, previous
        )
        backbone = settings.backbone(estimator)
        kept_weights = settings.has_kept_weights(estimator, split.pretrains)
        freeze_until = choose_freeze_until(estimator, backbone, kept_weights)
        check_freezes_body(backbone, settings.whole_backbone(estimator), freeze_until)
        architecture = Architecture.from_params(
            estimator, backbone, image_format.image_shape, settings.hidden_units, len(split.target)
        )
        warn_if_head_is_large(architecture)
        network = get_network(architecture)
        freeze_point = network.resolve_freeze_point(freeze_until)
        first = None if split.pretrains and previous is None else freeze_point
        return cls(
            params=estimator,
            settings=settings,
            image_format=image_format,
            split=split,
            train=train,
            validation=validation,
            network=network,
            freeze_point=freeze_point,
            recipe=fine_tuning_recipe(estimator, backbone, settings, kept_weights, is_partial),
            streams=streams,
            store=store,
            checkpoint=open_checkpoint(estimator, network, first, is_partial),
            progress=progress,
            is_partial=is_partial,
        )

    # -- Whole fits ------------------------------------------------------------------------

    def run(self) -> FittedState:
        """Pretrain, if there is a source task, and fine-tune on the target task."""
        pretrain_history: History = {}
        if self.split.pretrains:
            pretrained = self.pretrain()
            pretrain_history, weights = pretrained.history, self.transfer(pretrained.weights)
        else:
            weights = self.initial_weights(self.network)
        is_judged = self.settings.judges and self.n_epochs > 0
        if self.settings.probes:
            weights = self.probe(weights, all_rows=self.settings.judges and not is_judged)
        schedule = self.unfreeze_schedule()
        result = self.fine_tune(weights, schedule, range(self.n_epochs), ({}, pretrain_history))
        kept_probe = self.settings.probes and not result.history
        if is_judged and self.is_worse(result.weights, weights):
            # No row needs to be held out any more.
            kept = weights if result.by_user else self.probe(weights, all_rows=True)
            result, kept_probe = replace(result, weights=kept), True
        reached = reached_point(schedule, result.n_epochs)
        state = self._fitted_state(result, result.history, pretrain_history, reached)
        return replace(state, kept_probe=kept_probe)

    def resume(self, fitted) -> FittedState:
        """Fine-tune further from the state of a fitted estimator."""
        check_same_network(fitted._fitted.architecture, self.network)
        weights, n_before = self.network.cast(fitted._fitted.weights), fitted.n_iter_
        earlier = fitted.history_, fitted.pretrain_history_
        if self.is_partial:
            schedule, epochs = self.unfreeze_schedule(), range(n_before, n_before + 1)
            optimizer = fitted._optimizer_state
            if optimizer is not None:
                optimizer = optimizer.with_backbone(self.network.architecture.backbone)
            result = self.fine_tune(weights, schedule, epochs, earlier, 0, optimizer)
        else:
            schedule = (self.freeze_point,) * max(1, self.n_epochs)
            result = self.fine_tune(weights, schedule, range(self.n_epochs), earlier, n_before)
        history = concatenate_histories(fitted.history_, result.history)
        reached = reached_point(schedule, n_before + result.n_epochs)
        state = self._fitted_state(result, history, fitted.pretrain_history_, reached)
        return replace(state, kept_probe=fitted.kept_probe_ and not result.history)

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

    # -- Steps -----------------------------------------------------------------------------

    def initial_weights(self, network: Network) -> Weights:
        """Draw weights; the body's come from a file where one is given.

        A body that ends early keeps the weights of the layers after its end, to save them.
        """
        backbone = self.settings.whole_backbone(self.params)
        return draw_weights(network, backbone, self.params.weights, self.streams)

    def pretrain(self) -> PhaseResult:
        """Train the whole network on the source task, or restore the stored result."""
        network = get_network(replace(self.network.architecture, n_classes=len(self.split.source)))
        length = self.settings.pretraining
        epochs = range(length.epochs)
        freeze_points = (None,) * max(1, len(epochs))
        backbone = self.network.architecture.backbone
        config = pretraining_config(self.params, backbone, length.batch_size, freeze_points)
        phase = Phase("pretrain", network, config, self.streams, epochs)
        task = replace(self.split, source=self.split.target, target=self.split.source)
        start = PhaseResult(self.initial_weights(network), {})
        return self.train_phase(phase, task, start, self.store, ({}, {}))

    def transfer(self, weights: Weights) -> Weights:
        """Turn pretrained weights into the start of the target task."""
        if self.params.output_layer == "keep":
            return weights
        stream = "new output layer"
        return {**weights, **self.network.initial_weights(self.streams, stream, OUTPUT_LAYER)}

    def probe(self, weights: Weights, all_rows: bool = False) -> Weights:
        """Start the output layer from a linear probe on the target task.

        Parameters
        ----------
        weights : dict of str to ndarray
            All weights of the network.
        all_rows : bool, default=False
            Whether held-out rows are also used.
        """
        classes = self.split.target
        if all_rows:
            train = weight_task_rows(self.params, self.train, classes)
        else:
            train, _ = self._train_and_validation("fine-tune", classes)
        point, seed = self.freeze_point, self.streams.integer("rows of the probe")
        return probe_output_layer(self.network, point, weights, train, classes, self.store, seed)

    def is_worse(self, weights: Weights, start: Weights) -> bool:
        """Return whether fine-tuned weights are worse than those at the start, on held-out rows."""
        _, rows = self._train_and_validation("fine-tune", self.split.target)
        validation = self._encode(rows, self.split.target)
        return is_worse(weights, start, self.network, self.freeze_point, validation, self.store)

    def fine_tune(
        self,
        weights: Weights,
        freeze_points: tuple[str | None, ...],
        epochs: range,
        earlier: tuple[History, History],
        epochs_before: int = 0,
        optimizer_state: OptimizerState | None = None,
    ) -> PhaseResult:
        """Train the part of the network after the freeze points on the target task.

        Parameters
        ----------
        weights, optimizer_state
            Where to start.
        freeze_points, epochs, epochs_before
            As for `PhaseConfig` and `Phase`.
        earlier : tuple of (dict, dict)
            As for `train_phase`.
        """
        # Without a seed no other fit draws the same views.
        has_own_views = count_views(self.params) > 0 and self.params.random_state is None
        phase = Phase(
            "fine-tune",
            self.network,
            fine_tuning_config(self.params, self.recipe, self.settings, freeze_points),
            self.streams,
            epochs,
            epochs_before,
            None if has_own_views else self.store,
            keep_optimizer_state=self.is_partial,
            keep_last_epoch=keeps_last_epoch(self.params, self.is_partial),
        )
        # Another fit can resume from a checkpoint only if it started at the same weights.
        is_fresh = epochs_before == 0 and not self.is_partial
        is_shared = phase.is_resumable and is_fresh and self.params.random_state is not None
        start = PhaseResult(weights, {}, optimizer_state)
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
            histories = concatenate_histories(earlier[0], history), earlier[1]
            if phase.name == "pretrain":
                histories = {}, history
            state = self._fitted_state(PhaseResult(weights, {}), *histories, freeze_point)
            network = self._fitted_network(phase.network, freeze_point, weights, task)
            return self.params._fitted_attributes(replace(state, network=network))

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
        """Return the freeze point of each epoch on the target task."""
        n_epochs, warns = self.settings.fine_tuning.epochs, not self.is_partial
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
        self, result: PhaseResult, history, pretrain_history, freeze_point
    ) -> FittedState:
        n_frozen, n_trainable = self.network.count_parameters(freeze_point)
        return FittedState(
            network=self._fitted_network(self.network, freeze_point, result.weights, self.split),
            history=history,
            pretrain_history=pretrain_history,
            n_frozen_params=n_frozen,
            n_trainable_params=n_trainable,
            optimizer_state=result.optimizer_state,
            settings=self.settings,
        )

    def _fitted_network(self, network: Network, freeze_point, weights, split) -> FittedNetwork:
        return FittedNetwork(
            architecture=network.architecture.at_rates_of(self.params),
            weights=weights,
            freeze_point=freeze_point,
            image_format=self.image_format,
            split=split,
            store=self.store,
            whole_backbone=self.settings.whole_backbone(self.params),
            test_time_flips=bool(self.recipe.test_time_flips),
        )
