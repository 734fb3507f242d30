"""
A custom backbone in a grid search
==================================

A new network is one entry: a function that adds its layers to a Keras graph. A grid over backbones
and freeze points then compares it with others.
"""

# %%
# Images have values from 0 to 255, so scaling is part of the network. A stage is the name of a
# layer at which the network can be cut. Here each stage is the addition at the end of a block of a
# small residual network.
from pathlib import Path
from tempfile import TemporaryDirectory

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion import (
    Backbone,
    BackboneFeatures,
    TransferClassifier,
    memory_report,
    register_backbone,
)
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import FreezeDepthDisplay
from skfashion.model_selection import ClassSplitCV, check_search, search_frame


def strided_resnet(images):
    from keras import layers

    x = layers.Rescaling(1 / 255, name="rescale")(images)
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="stem")(x)
    for block in (1, 2, 3):
        filters = 16 * block
        x = layers.Conv2D(filters, 1, strides=2, name=f"block{block}_narrow")(x)
        y = layers.Conv2D(filters, 3, padding="same", name=f"block{block}_conv")(x)
        y = layers.BatchNormalization(momentum=0.9, name=f"block{block}_norm")(y)
        y = layers.ReLU(name=f"block{block}_relu")(y)
        x = layers.Add(name=f"block{block}")([x, y])
    return x


register_backbone(
    Backbone(
        "strided_resnet",
        build=strided_resnet,
        stages=("block1", "block2", "block3"),
        min_size=8,
    )
)

# %%
# Its name can be searched beside others. Numbers of stages serve all backbones: 0 freezes nothing,
# 1 the first stage. ``memory`` is a folder in which candidates and folds share pretraining.
# :func:`~skfashion.model_selection.check_search` finds candidates that would fail, before anything
# trains.
X, y = (part[:2000] for part in load_fashion_sample(return_X_y=True))
source = [5, 6, 7, 8, 9]
folder = TemporaryDirectory()
clf = TransferClassifier(
    pretrain_classes=source,
    pretrain_epochs=4,
    epochs=4,
    batch_size=64,
    random_state=0,
    memory=Path(folder.name, "memory"),
)
search = GridSearchCV(
    clf,
    {"backbone": ["small_cnn", "strided_resnet"], "freeze_until": [0, 1, "features"]},
    cv=ClassSplitCV(3, pretrain_classes=source),
)
check_search(search, X, y).fit(X, y)
search_frame(search)[["backbone", "freeze_point", "mean_test_score", "n_trainable_params"]]

# %%
# Of the 19 fits, two pretrained a network, and 17 found it.
report = memory_report(clf.memory)
print({name: report[name] for name in ("pretrainings_computed", "pretrainings_found")})

# %%
# Score, seconds per fit and trainable parameters of both networks against the freeze point. The
# custom network trains a fraction of the parameters, and the small CNN is more accurate. Freezing
# the whole body costs the custom network most.
display = FreezeDepthDisplay.from_search(search)

# %%
# Any other classifier of scikit-learn can use the features of the best network, here those of the
# small CNN. The score is on test images, because the best network was fitted again on all others.
best = search.best_estimator_
target = y < 5
X_test, y_test = load_fashion_sample(subset="test", return_X_y=True)
weights = Path(folder.name, "body.weights.h5")
best.save_backbone_weights(weights)
probe = make_pipeline(
    BackboneFeatures(best.backbone, weights=weights),
    StandardScaler(),
    LogisticRegression(max_iter=1000),
).fit(X[target], y[target])
folder.cleanup()
probe.score(X_test[y_test < 5], y_test[y_test < 5])
