"""
Heat maps with Grad-CAM
=======================

Grad-CAM [1]_ maps the pixels that are evidence for a class. Here the maps show where in an image a
classifier of clothes finds a piece of clothing, also in images with two pieces.

.. [1] Selvaraju et al.: "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
   Localization", ICCV 2017, arXiv:1610.02391.
"""

# %%
# Each training image has a piece of clothing of the bundled sample in its left or right half.
import numpy as np

from skfashion import TransferClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.inspection import GradCAMDisplay, grad_cam

TROUSER, SANDAL, SNEAKER, BAG, BOOT = 1, 5, 7, 8, 9
rng = np.random.default_rng(0)


def put_on_a_side(images):
    right = rng.random(len(images)) < 0.5
    wide = np.zeros((len(images), 28, 56), "uint8")
    wide[~right, :, :28], wide[right, :, 28:] = images[~right], images[right]
    return wide


def load(subset):
    fashion = load_fashion_sample(subset=subset)
    rows = np.isin(fashion.target, [TROUSER, SANDAL, SNEAKER, BAG, BOOT])
    return fashion.data[rows], fashion.target[rows], fashion.target_names


images, y, names = load("train")
X = put_on_a_side(images)
clf = TransferClassifier("small_resnet", epochs=4, batch_size=32, feature_dropout=0, random_state=0)
clf.fit(X[:400], y[:400])

# %%
# The map of each image is that of the predicted class. Names of wrong predictions are in colour.
images_test, y_test, _ = load("test")
X_test = put_on_a_side(images_test)
display = GradCAMDisplay.from_estimator(
    clf, X_test, y_test, class_names=names, n_images=8, n_columns=4
)

# %%
# No training image had two pieces. `target` names the left piece in the first row and the right
# piece in the second, of the same images. The map moves to that half, even if another class was
# predicted.
pairs = np.array([(TROUSER, SNEAKER), (BAG, BOOT), (SNEAKER, TROUSER), (BOOT, BAG)])
first = {label: images_test[y_test == label][0] for label in np.unique(pairs)}
X_pairs = np.array([np.hstack([first[left], first[right]]) for left, right in pairs])
display = GradCAMDisplay.from_estimator(
    clf, np.concatenate([X_pairs, X_pairs]), target=pairs.T.ravel(), class_names=names, n_columns=4
)

# %%
# :func:`~skfashion.inspection.grad_cam` returns the maps as arrays. This is the share of the left
# half in the maps of left pieces, for three stages of the backbone. Later stages are more exact.
for layer in ("block1", "block2", "block3"):
    maps = grad_cam(clf, X_pairs, layer=layer, target=pairs[:, 0])
    share = maps[:, :, :28].sum() / maps.sum()
    print(f"{layer}: {share:.2f}")
