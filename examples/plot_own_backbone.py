"""
A user-defined backbone
=======================

A new network is one entry: a function that adds its layers to a Keras graph. Freeze points, grids,
features and weight files then work for it as for any other backbone.
"""

# %%
# Images have values from 0 to 255, so scaling is part of the network. A stage is the name of a
# layer that the whole network goes through. Here the stages are additions, each of which ends a
# block of a small residual network.
from pathlib import Path
from tempfile import TemporaryDirectory

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfashion import Backbone, BackboneFeatures, TransferClassifier, register_backbone
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import FreezeDepthDisplay
from skfashion.model_selection import ClassSplitCV


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
# Its name can be searched beside others. Numbers of stages serve all of them.
X, y = (part[:2500] for part in load_fashion_sample(return_X_y=True))
source = [5, 6, 7, 8, 9]
search = GridSearchCV(
    TransferClassifier(
        pretrain_classes=source, pretrain_epochs=4, epochs=4, batch_size=128, random_state=0
    ),
    {"backbone": ["small_cnn", "strided_resnet"], "freeze_until": [0, 1, "features"]},
    cv=ClassSplitCV(2, pretrain_classes=source),
).fit(X, y)

display = FreezeDepthDisplay.from_search(search)

# %%
# Any other classifier of scikit-learn can use its features.
best = search.best_estimator_
target = y < 5
with TemporaryDirectory() as folder:
    weights = Path(folder, "body.weights.h5")
    best.save_backbone_weights(weights)
    probe = make_pipeline(
        BackboneFeatures(best.backbone, weights=weights),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    ).fit(X[target][:800], y[target][:800])
probe.score(X[target][800:], y[target][800:])
