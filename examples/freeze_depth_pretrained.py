"""
Where to freeze a pretrained backbone
=====================================

Accuracy against the freeze point, for VGG16 and InceptionV3 with real pretrained weights, each
fine-tuned for two epochs on 12,000 images of Fashion-MNIST, in three folds.

This page is not run when the documentation is built, and needs weights. It took 1,252 and 1,212 s
on two cores, beside other work, with ImageNet's weights of VGG16, and an InceptionV3 whose blocks
after mixed5 were tuned on other photographs:

.. image:: /_static/freeze_depth_pretrained.png
   :alt: Accuracy and seconds per fit against the freeze point, for VGG16 and InceptionV3

Up to block3_pool VGG16 loses no accuracy that three folds could show, and a fit takes less than
half of the time: 0.854 against 0.860, in 66 s instead of 142. Frozen to block4_pool it reaches
0.830, and the head alone 0.751. InceptionV3 loses a point already at mixed2 (0.852 against 0.865).
With all blocks frozen it reaches 0.572. The last blocks of this file come from other images, which
may be one reason; two epochs for a new head may be another. :ref:`report-table` has both backbones
on all 60,000 images, fine-tuned and with the head alone.
"""

# %%
# ``SKFASHION_WEIGHTS`` may name a folder with files of weights; otherwise the official ones are
# fetched.
import os
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV, train_test_split

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist
from skfashion.inspection import FreezeDepthDisplay
from skfashion.model_selection import search_frame

FILES = {
    "vgg16": "vgg16_imagenet_notop.weights.h5",
    "inception_v3": "inceptionv3_notop.weights.h5",
}
POINTS = {
    "vgg16": [None, "block2_pool", "block3_pool", "block4_pool", "features"],
    "inception_v3": [None, "mixed2", "mixed4", "mixed6", "mixed8", "features"],
}
# Images enter at the smallest side that the backbone takes.
SIDES = {"vgg16": 32, "inception_v3": 75}
COLUMNS = ["freeze_point", "mean_test_score", "std_test_score", "mean_fit_time"]


def weights_of(backbone):
    folder = os.environ.get("SKFASHION_WEIGHTS")
    return Path(folder, FILES[backbone]) if folder else "imagenet"


# %%
# All folds come from the training images. Test images must not decide where to freeze.
X, y = fetch_fashion_mnist("train", return_X_y=True)
X, _, y, _ = train_test_split(X, y, train_size=12_000, stratify=y, random_state=0)

# %%
# There is a search for each backbone, because their weights differ, and a panel for each search.
figure, panels = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for ax, (backbone, points) in zip(panels, POINTS.items(), strict=True):
    clf = TransferClassifier(
        backbone,
        weights=weights_of(backbone),
        epochs=2,
        batch_size=128,
        input_size=SIDES[backbone],
        random_state=0,
    )
    search = GridSearchCV(clf, {"freeze_until": points}, cv=3, refit=False, verbose=3)
    begin = perf_counter()
    search.fit(X, y)
    print(f"{backbone}: {perf_counter() - begin:.0f} s")
    FreezeDepthDisplay.from_search(search, X, y, ax=ax)
    print(search_frame(search, X, y)[COLUMNS].to_string(), flush=True)
figure.savefig("freeze_depth_pretrained.png", dpi=150)

# sphinx_gallery_thumbnail_path = '_static/freeze_depth_pretrained.png'
