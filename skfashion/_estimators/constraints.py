"""Types and ranges of the parameters of `TransferClassifier`, in scikit-learn's form."""

import os
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from .._backbones.recipe import OPTIMIZERS, SCHEDULES, Recipe

_AUTO = StrOptions({"auto"})

CLASSIFIER_CONSTRAINTS: dict = {
    "pretrain_classes": ["array-like", None],
    "target_classes": ["array-like", None],
    "freeze_until": [str, Integral, None],
    "body_until": [str, Integral, None],
    "head_init": [StrOptions({"auto", "random", "probe"})],
    "output_layer": [StrOptions({"new", "keep"})],
    "pretrain_epochs": [Interval(Integral, 0, None, closed="left"), _AUTO],
    "epochs": [Interval(Integral, 0, None, closed="left"), _AUTO],
    "batch_size": [Interval(Integral, 1, None, closed="left"), _AUTO],
    "optimizer": [StrOptions(set(OPTIMIZERS))],
    "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
    "pretrain_learning_rate": [Interval(Real, 0, None, closed="neither"), None],
    "body_learning_rate": [Interval(Real, 0, None, closed="neither"), None],
    "layer_decay": [Interval(Real, 0, None, closed="neither"), None],
    "schedule": [StrOptions(set(SCHEDULES)), None],
    "warmup": [Interval(Real, 0, 1, closed="left"), None],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), Options(Real, {np.inf}), None],
    "head_epochs": [Interval(Integral, 0, None, closed="left")],
    "epochs_per_stage": [Interval(Integral, 0, None, closed="left")],
    "hidden_units": [Interval(Integral, 0, None, closed="left"), _AUTO],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "feature_dropout": [Interval(Real, 0, 1, closed="left")],
    "augmentation": [str, "array-like", dict, None],
    "augmentation_views": [Interval(Integral, 1, None, closed="left"), None],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
    "class_weight": [dict, StrOptions({"balanced"}), None],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
    "recipe": [Recipe, None],
    "checkpoint": [str, os.PathLike, None],
}
