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
from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from skfashion import TransferClassifier
from skfashion.datasets import fetch_fashion_mnist

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
X, X_val, y, y_val = train_test_split(
    X, y, train_size=3000, test_size=2000, stratify=y, random_state=0
)


def fit_and_score(backbone, point):
    clf = TransferClassifier(
        backbone, weights=weights_of(backbone), freeze_until=point, epochs=4, random_state=0
    )
    begin = perf_counter()
    clf.fit(X, y)
    seconds = perf_counter() - begin
    score = clf.score(X_val, y_val)
    print(f"{backbone} frozen to {point}: {score:.3f} in {seconds:.0f} s", flush=True)
    return score, seconds


# %%
# One panel a backbone: the curve is accuracy, the bars are seconds per fit.
figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for axes, (backbone, points) in zip(panels, POINTS.items(), strict=True):
    scores, seconds = zip(*(fit_and_score(backbone, point) for point in points), strict=True)
    places = range(len(points))
    bars = axes.twinx()
    bars.bar(places, seconds, color="0.88", width=0.6)
    bars.set_ylabel("seconds per fit", color="0.5")
    bars.tick_params(axis="y", colors="0.5")
    axes.set_zorder(bars.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.plot(places, scores, marker="o", color="C0")
    axes.set_xticks(places, [point or "nothing" for point in points], rotation=40, ha="right")
    axes.set(title=backbone, xlabel="frozen up to")
panels[0].set_ylabel("accuracy on held-out images")
figure.savefig("freeze_depth_pretrained.png", dpi=150)
