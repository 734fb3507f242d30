"""
Where to freeze a pretrained backbone
=====================================

Accuracy against the freeze point, for VGG16 and InceptionV3 with real pretrained weights, each
fine-tuned for four epochs on 3,000 images of Fashion-MNIST and scored on 2,000 others. Where one
freezes decides the result, and how long it takes.

This page is not run when the documentation is built: it takes about a quarter of an hour on two
cores, and needs weights. The picture is of an earlier run, with ImageNet's weights of VGG16, and an
InceptionV3 whose blocks behind mixed5 were tuned on other photographs:

.. image:: /_static/freeze_depth_pretrained.png
   :alt: Accuracy and seconds per fit against the freeze point, for VGG16 and InceptionV3

VGG16 loses nothing up to block3_pool, where a fit takes a quarter of the time. InceptionV3 has less
that is worth keeping, and its last blocks, which come from other images, next to nothing.
"""

# %%
# ``SKFASHION_WEIGHTS`` may name a folder with files of weights; else the official ones are fetched.
import os
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist
from skfashion.inspection import FreezeDepthDisplay

FILES = {
    "vgg16": "vgg16_imagenet_notop.weights.h5",
    "inception_v3": "inceptionv3_notop.weights.h5",
}
POINTS = {
    "vgg16": [None, "block1_pool", "block2_pool", "block3_pool", "block4_pool", "features"],
    "inception_v3": [None, "mixed0", "mixed2", "mixed4", "mixed6", "mixed8", "features"],
}


def weights_of(backbone):
    folder = os.environ.get("SKFASHION_WEIGHTS")
    return Path(folder, FILES[backbone]) if folder else "imagenet"


# %%
# Both parts come from the training images: the test images are no place to choose a freeze point.
X, y = fetch_fashion_mnist("train", return_X_y=True)
split = StratifiedShuffleSplit(1, train_size=3000, test_size=2000, random_state=0)

# %%
# A search for each backbone, because their weights differ, and a picture for each search.
figure, panels = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for ax, (backbone, points) in zip(panels, POINTS.items(), strict=True):
    clf = TransferClassifier(backbone, weights=weights_of(backbone), epochs=4, random_state=0)
    search = GridSearchCV(clf, {"freeze_until": points}, cv=split, refit=False, verbose=3)
    FreezeDepthDisplay.from_search(search.fit(X, y), X, y, ax=ax)
figure.savefig("freeze_depth_pretrained.png", dpi=150)
